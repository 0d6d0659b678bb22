package service

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// challengeHeader is in the response to the upgrade of a service that wants a token: a
// random text. Go nodes prove with it that they have the token, and do not send that; what
// was recorded is good for no other connection. A service of the reference has no such
// header.
const challengeHeader = "Socketmesh-Challenge"

// proofOf is the proof that a node has the token, for its registration on one connection,
// and, if that is not "", on one with this binding to its TLS.
func proofOf(token, challenge string, self core.Peer, binding string) string {
	mac := hmac.New(sha256.New, []byte(token))
	parts := []string{"socketmesh discovery", challenge, self.ID, self.Address}
	if binding != "" {
		parts = append(parts, binding)
	}
	for _, part := range parts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// bindingOf is what a connection's TLS has that no other connection's has, so that nobody who
// relays a proof stands between a node and the service; "" without TLS.
func bindingOf(state *tls.ConnectionState) string {
	if state == nil {
		return ""
	}
	return peertls.Binding(peertls.ChannelBinding(*state))
}

// isRelayed tells whether the node has spoken of another connection than the service's. A
// service behind a balancer that ends TLS has nothing to compare.
func (r registration) isRelayed(binding string) bool {
	return peertls.Relayed(binding, r.binding)
}

// proves tells whether a registration on a connection proves one of these tokens.
func (r registration) proves(challenge string, tokens []string) bool {
	found := false
	for _, token := range tokens {
		right := hmac.Equal([]byte(r.proof), []byte(proofOf(token, challenge, r.Peer, r.binding)))
		found = found || right && token != ""
	}
	return found
}

// credentials are what a registration on a connection shows: a proof where the service
// has asked for one, else the token itself, unless that is not to be sent.
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
