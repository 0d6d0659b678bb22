//go:build !unix

package wstransport

import "net"

// unread cannot find that out on this system without reading.
func unread(net.Conn) bool { return false }
