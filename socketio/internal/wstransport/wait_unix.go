//go:build unix

package wstransport

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// waitable is how to wait for bytes without a buffer; nil if that cannot be done.
func waitable(conn net.Conn) syscall.RawConn {
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// fetch is one read, of what there is.
type fetch struct {
	wait bool // for something
	buf  *[bufferSize]byte
	n    int // bytes of it
	err  error
	once func(fd uintptr) bool
}

var fetches = sync.Pool{New: func() any {
	f := &fetch{}
	f.once = f.attempt
	return f
}}

// attempt is called when there may be bytes. It reports false to wait for them.
func (f *fetch) attempt(fd uintptr) bool {
	f.buf = buffers.Get().(*[bufferSize]byte)
	for {
		n, err := syscall.Read(int(fd), f.buf[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if !f.wait {
				return true
			}
			f.release()
			return false
		case err != nil:
			f.err = err
		case n == 0:
			f.err = io.EOF
		default:
			f.n = n
		}
		return true
	}
}

func (f *fetch) release() {
	if f.buf != nil {
		buffers.Put(f.buf)
		f.buf = nil
	}
}

// readReady reads what there is, and sees to it; if there is nothing, it may wait.
func (t *Transport) readReady(wait bool) (n int, err error) {
	f := fetches.Get().(*fetch)
	defer func() {
		f.release()
		fetches.Put(f)
	}()
	f.wait, f.n, f.err = wait, 0, nil
	if err := t.raw.Read(f.once); err != nil {
		return 0, err
	}
	if f.err != nil || f.n == 0 {
		return 0, f.err
	}
	return f.n, t.frames.Feed(f.buf[:f.n], t)
}
