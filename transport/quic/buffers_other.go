//go:build !unix

package quic

import (
	"errors"
	"net"
)

// bufferSizes fails: there is no way to read the sizes on this system.
func bufferSizes(*net.UDPConn) (read, write int, err error) {
	return 0, 0, errors.ErrUnsupported
}
