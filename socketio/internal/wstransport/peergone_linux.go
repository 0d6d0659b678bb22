package wstransport

import (
	"encoding/binary"
	"net"
	"syscall"
)

// States of a TCP connection whose peer has gone, as the kernel numbers them.
const (
	tcpClose     = 7
	tcpCloseWait = 8
)

// peerGone reports whether the peer has closed a connection, or the kernel has given it up,
// without reading from it.
func peerGone(conn net.Conn) bool {
	c, ok := innermost(conn).(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	state := 0
	err = raw.Control(func(fd uintptr) {
		// The state is the first byte of struct tcp_info.
		info, failed := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
		if failed == nil {
			state = int(binary.NativeEndian.AppendUint32(nil, uint32(info))[0])
		}
	})
	return err != nil || state == tcpClose || state == tcpCloseWait
}
