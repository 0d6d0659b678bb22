//go:build !unix

package wstransport

import "net"

// unread cannot be told here without reading.
func unread(net.Conn) bool { return false }
