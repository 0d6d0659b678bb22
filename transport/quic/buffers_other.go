//go:build !unix

package quic

import (
	"errors"
	"net"
)

// bufferSizes is not known here.
func bufferSizes(*net.UDPConn) (read, write int, err error) {
	return 0, 0, errors.ErrUnsupported
}
