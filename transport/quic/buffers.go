package quic

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// bufferSize is what the library asks for, in bytes, and what we check for.
const bufferSize = 7 << 20

// udpConn is a UDP socket whose buffers are set without a word. The library would
// ask the system for their size, through SyscallConn, and write to the standard
// logger if it is too small. Where it cannot ask, it only sets them, and that
// comes before everything else that it needs SyscallConn for.
type udpConn struct {
	*net.UDPConn
	buffered atomic.Bool // both have been set
}

var errNotBuffered = errors.New("buffers have not been set yet")

// SyscallConn fails as long as the buffers have not been set.
func (c *udpConn) SyscallConn() (syscall.RawConn, error) {
	if !c.buffered.Load() {
		return nil, errNotBuffered
	}
	return c.UDPConn.SyscallConn()
}

// SetWriteBuffer comes second.
func (c *udpConn) SetWriteBuffer(bytes int) error {
	c.buffered.Store(true)
	return c.UDPConn.SetWriteBuffer(bytes)
}

// checkBuffers sets the buffers of a socket, and tells once if they stay too
// small for high throughput.
func (t *Transport) checkBuffers(c *udpConn) {
	c.UDPConn.SetReadBuffer(bufferSize)
	c.UDPConn.SetWriteBuffer(bufferSize)
	read, write, err := bufferSizes(c.UDPConn)
	if err != nil || read >= bufferSize && write >= bufferSize {
		return
	}
	if !t.complained.Swap(true) {
		t.options.Logger.Info("the system keeps UDP buffers small, which may cost throughput (on Linux: sysctl net.core.rmem_max and wmem_max)",
			"receive", read, "send", write, "wanted", bufferSize)
	}
}
