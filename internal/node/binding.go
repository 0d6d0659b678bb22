package node

import (
	"encoding/hex"

	"github.com/socketmesh/mesh/core"
)

// A proof shows that its sender has the token, but not on which connection it was made: a
// third party that ends the TLS of one server, and has a TLS connection to the other,
// could pass both proofs on and change what follows. So the HELLO and the WELCOME, which
// the proofs cover, contain a value that only their own TLS session has.

// binding returns the value that identifies conn's TLS session; "" without TLS, and where
// proxies that end TLS are allowed.
func (n *Node) binding(conn core.Conn) string {
	c, ok := conn.(core.ChannelBinder)
	if !ok || n.cfg.AllowTLSProxies {
		return ""
	}
	return hex.EncodeToString(c.ChannelBinding())
}

// checkBinding returns an error if the two ends have different TLS sessions. An end
// without TLS, such as one behind a balancer that ends it, has no value to compare.
func checkBinding(ours, theirs *offer) error {
	if ours.binding == "" || theirs.binding == "" || ours.binding == theirs.binding {
		return nil
	}
	return core.ErrRelayed
}
