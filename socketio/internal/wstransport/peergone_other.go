//go:build !linux

package wstransport

import "net"

// peerGone cannot find that out on this system without reading: writing to the client will.
func peerGone(net.Conn) bool { return false }
