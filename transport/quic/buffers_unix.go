//go:build unix

package quic

import (
	"errors"
	"net"
	"syscall"
)

// bufferSizes returns the sizes that the system has set, in bytes.
func bufferSizes(c *net.UDPConn) (read, write int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var readErr, writeErr error
	err = raw.Control(func(fd uintptr) {
		read, readErr = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		write, writeErr = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	})
	return read, write, errors.Join(err, readErr, writeErr)
}
