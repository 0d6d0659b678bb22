//go:build !unix

package wstransport

import (
	"net"
	"syscall"
)

func rawConn(net.Conn) syscall.RawConn { return nil }

func (*Transport) readReady(bool) (int, error) { return 0, syscall.EINVAL }
