package service

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/socketmesh/mesh/core"
)

// challengeHeader is in the response to the upgrade of a service that wants a token: a
// random text. Go nodes prove with it that they have the token, and do not send that; what
// was recorded is good for no other connection. A service of the reference has no such
// header.
const challengeHeader = "Socketmesh-Challenge"

// proofOf is the proof that a node has the token, for its registration on one connection.
func proofOf(token, challenge string, self core.Peer) string {
	mac := hmac.New(sha256.New, []byte(token))
	for _, part := range []string{"socketmesh discovery", challenge, self.ID, self.Address} {
		mac.Write(binary.AppendUvarint(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// proves tells whether a registration on a connection proves one of these tokens.
func (r registration) proves(challenge string, tokens []string) bool {
	found := false
	for _, token := range tokens {
		right := hmac.Equal([]byte(r.proof), []byte(proofOf(token, challenge, r.Peer)))
		found = found || right && token != ""
	}
	return found
}

// credentials are what a registration on a connection shows: a proof where the service
// has asked for one, else the token itself, unless that is not to be sent.
func (c *Client) credentials(r registration, challenge string) registration {
	switch token := c.token(); {
	case token == "":
	case challenge != "":
		r.proof = proofOf(token, challenge, r.Peer)
	case !c.options.RefusePlainToken:
		r.token = token
	}
	return r
}
