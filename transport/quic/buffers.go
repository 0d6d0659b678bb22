package quic

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// bufferSize is the size of UDP buffers that the library sets, in bytes.
const bufferSize = 7 << 20

// udpConn is a UDP socket that keeps the library from writing to the process's
// standard logger. The library sets the buffers' sizes, reads them through
// SyscallConn, and logs if they are too small; it skips the reading if SyscallConn
// fails. Setting the buffers is the first thing that it does with a socket, so later
// uses of SyscallConn are not affected.
type udpConn struct {
	*net.UDPConn
	buffered atomic.Bool // the library has set both buffers
}

var errNotBuffered = errors.New("buffers have not been set yet")

// SyscallConn fails until the library has set the buffers.
func (c *udpConn) SyscallConn() (syscall.RawConn, error) {
	if !c.buffered.Load() {
		return nil, errNotBuffered
	}
	return c.UDPConn.SyscallConn()
}

// SetWriteBuffer is the second of the two that the library sets.
func (c *udpConn) SetWriteBuffer(bytes int) error {
	c.buffered.Store(true)
	return c.UDPConn.SetWriteBuffer(bytes)
}

// checkBuffers sets the buffers of a socket, and logs once if the system keeps them
// too small for high throughput.
func (t *Transport) checkBuffers(c *udpConn) {
	c.UDPConn.SetReadBuffer(bufferSize)
	c.UDPConn.SetWriteBuffer(bufferSize)
	read, write, err := bufferSizes(c.UDPConn)
	if err != nil || read >= bufferSize && write >= bufferSize {
		return
	}
	if !t.warned.Swap(true) {
		t.options.Logger.Info("the system keeps UDP buffers small, which may cost throughput (on Linux: sysctl net.core.rmem_max and wmem_max)",
			"receive", read, "send", write, "wanted", bufferSize)
	}
}
