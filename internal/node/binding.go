package node

import (
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// A proof shows that its sender has the token, but not on which connection it was made: a
// third party that ends the TLS of one server, and has a TLS connection to the other,
// could pass both proofs on and change what follows. So the HELLO and the WELCOME, which
// the proofs cover, contain a value that only their own TLS session has.

// binding returns the value that identifies conn's TLS session; "" where proxies are allowed,
// and for an acceptor without TLS, because a balancer may end it. A dialler without TLS states
// that: an acceptor with TLS then knows that something between them has opened it.
func (n *Node) binding(conn core.Conn, dialled bool) string {
	c, ok := conn.(core.ChannelBinder)
	if !ok || n.cfg.AllowTLSProxies {
		return ""
	}
	value := c.ChannelBinding()
	if value == nil && dialled {
		return peertls.Unbound
	}
	return peertls.Binding(value)
}

// checkBinding returns an error if the two ends have different TLS sessions.
func checkBinding(ours, theirs *offer) error {
	if peertls.Relayed(ours.binding, theirs.binding) {
		return core.ErrRelayed
	}
	return nil
}
