//go:build unix

package wstransport

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// rawConn returns the connection for waiting without a buffer; nil if that is not possible.
func rawConn(conn net.Conn) syscall.RawConn {
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

// readNow is one read of what there is. It keeps the callback for RawConn.Read, which would
// otherwise be allocated each time.
type readNow struct {
	wait bool // wait until there is something to read
	buf  *[bufferSize]byte
	n    int // number of bytes in buf
	err  error
	once func(fd uintptr) bool
}

var reads = sync.Pool{New: func() any {
	r := &readNow{}
	r.once = r.attempt
	return r
}}

// attempt is called when there may be bytes. It returns false to wait for them.
func (r *readNow) attempt(fd uintptr) bool {
	r.buf = buffers.Get().(*[bufferSize]byte)
	for {
		n, err := syscall.Read(int(fd), r.buf[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if !r.wait {
				return true
			}
			r.release()
			return false
		case err != nil:
			r.err = err
		case n == 0:
			r.err = io.EOF
		default:
			r.n = n
		}
		return true
	}
}

func (r *readNow) release() {
	if r.buf != nil {
		buffers.Put(r.buf)
		r.buf = nil
	}
}

// readReady reads what there is, and handles it; if there is nothing, it waits if wait says
// so.
func (t *Transport) readReady(wait bool) (n int, err error) {
	r := reads.Get().(*readNow)
	defer func() {
		r.release()
		reads.Put(r)
	}()
	r.wait, r.n, r.err = wait, 0, nil
	if err := t.raw.Read(r.once); err != nil {
		return 0, err
	}
	if r.err != nil || r.n == 0 {
		return 0, r.err
	}
	return r.n, t.frames.Feed(r.buf[:r.n], t)
}
