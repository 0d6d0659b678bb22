//go:build unix

package wstransport

import (
	"io"
	"net"
	"syscall"
)

// waitable is how to wait for bytes without a buffer; nil if that cannot be done.
func waitable(t *Transport) (syscall.RawConn, func(fd uintptr) bool) {
	c, ok := t.conn.(*net.TCPConn)
	if !ok {
		return nil, nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, nil
	}
	return raw, t.fetch
}

// fetch is called when there may be bytes. It reports false to wait for them.
func (t *Transport) fetch(fd uintptr) bool {
	buf := buffers.Get().(*[bufferSize]byte)
	for {
		n, err := syscall.Read(int(fd), buf[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			buffers.Put(buf)
			return false
		case err != nil:
			t.gotErr = err
		case n == 0:
			t.gotErr = io.EOF
		default:
			t.got = buf[:n]
			return true
		}
		buffers.Put(buf)
		return true
	}
}

// readReady waits for bytes and sees to them.
func (t *Transport) readReady() (more bool, err error) {
	if err := t.raw.Read(t.ready); err != nil {
		return false, err
	}
	if t.gotErr != nil {
		return false, t.gotErr
	}
	piece := t.got
	t.got = nil
	err = t.frames.Feed(piece, t)
	buffers.Put((*[bufferSize]byte)(piece[:bufferSize]))
	return len(piece) == bufferSize, err
}
