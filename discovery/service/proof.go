package service

import (
	"crypto/hmac"
	"crypto/tls"
	"encoding/hex"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/proof"
)

// challengeHeader is a header in the upgrade response of a service that requires a token.
// Its value is random. A Go node proves with it that it has the token, without sending
// it; a recorded proof is useless on any other connection. A service of the reference
// does not send this header.
const challengeHeader = "Socketmesh-Challenge"

// proofOf returns the proof that a node has the token, for its registration on the
// connection with this challenge and, unless it is "", this TLS binding.
func proofOf(token, challenge string, self core.Peer, binding string) string {
	parts := []string{"socketmesh discovery", challenge, self.ID, self.Address}
	if binding != "" {
		parts = append(parts, binding)
	}
	return hex.EncodeToString(proof.MAC([]byte(token), parts...))
}

// bindingOf returns the value that identifies a connection's TLS session, so that a third
// party cannot relay a proof between a node and the service; "" without TLS.
func bindingOf(state *tls.ConnectionState) string {
	if state == nil {
		return ""
	}
	return peertls.Binding(peertls.ChannelBinding(*state))
}

// isRelayed reports whether the node's end of the connection has another TLS session than
// the service's. A service behind a balancer that ends TLS has no value to compare.
func (r registration) isRelayed(binding string) bool {
	return peertls.Relayed(binding, r.binding)
}

// proves reports whether a registration proves one of these tokens.
func (r registration) proves(challenge string, tokens []string) bool {
	found := false
	for _, token := range tokens {
		right := hmac.Equal([]byte(r.proof), []byte(proofOf(token, challenge, r.Peer, r.binding)))
		found = found || right && token != ""
	}
	return found
}

// credentials adds to a registration what the service wants: a proof if it has asked for
// one, otherwise the token itself, unless that must not be sent.
func (c *Client) credentials(r registration, s *session) registration {
	switch token := c.token(); {
	case token == "":
	case s.challenge != "":
		if !c.options.AllowTLSProxies {
			r.binding = s.binding
		}
		r.proof = proofOf(token, s.challenge, r.Peer, r.binding)
	case !c.options.RefusePlainToken:
		r.token = token
	}
	return r
}
