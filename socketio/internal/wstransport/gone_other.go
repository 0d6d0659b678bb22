//go:build !linux

package wstransport

import "net"

// gonePeer cannot be told here without reading: writing to the client will.
func gonePeer(net.Conn) bool { return false }
