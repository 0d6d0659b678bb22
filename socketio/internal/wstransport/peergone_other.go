//go:build !linux

package wstransport

import "net"

// peerGone cannot be told here without reading: writing to the client will.
func peerGone(net.Conn) bool { return false }
