package node

import (
	"encoding/hex"

	"github.com/socketmesh/mesh/core"
)

// A proof says that who makes it has the token, and not on which connection he has made it:
// somebody who ends the TLS of one server, and opens a connection to another, could pass
// both proofs on and change what follows. So both say, in the HELLO and the WELCOME that the
// proofs are about, what their TLS has that no other connection has.

// binding ties what this node says to the TLS of conn; "" without TLS, and where proxies are
// allowed that end it.
func (n *Node) binding(conn core.Conn) string {
	c, ok := conn.(core.ChannelBinder)
	if !ok || n.cfg.AllowTLSProxies {
		return ""
	}
	return hex.EncodeToString(c.ChannelBinding())
}

// checkBinding tells whether both ends speak of the same connection. An end without TLS,
// as one behind a balancer that ends it, has nothing to compare.
func checkBinding(ours, theirs *offer) error {
	if ours.binding == "" || theirs.binding == "" || ours.binding == theirs.binding {
		return nil
	}
	return core.ErrRelayed
}
