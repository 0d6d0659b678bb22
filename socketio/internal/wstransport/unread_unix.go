//go:build unix

package wstransport

import (
	"net"
	"syscall"
)

// unread reports whether something from the peer, or its end, has arrived that is not read
// yet. It looks below TLS, where a goroutine of Go's reads what there is.
func unread(conn net.Conn) bool {
	c, ok := innermost(conn).(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	found := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		found = err == nil
	})
	return err == nil && found
}
