package node

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// Two Go nodes prove to each other that they have the token, and neither sends it; and
// that they are the processes that they say they are, see processKey. A proof is a MAC
// over the HELLO and the WELCOME as they were sent. Each has a random number of its
// sender's, so that a proof is good for one handshake only. The dialler proves first:
// strangers who dial get nothing by which they could try tokens.

// end is that of a connection whose proof it is. It goes into the MAC, so that none can
// be sent back to its maker.
type end string

const (
	dialler  end = "socketmesh dialler"
	acceptor end = "socketmesh acceptor"
)

// transcript is what both ends have said, and the secret of their processes; nil if one
// of them has no key.
type transcript struct{ hello, welcome, secret []byte }

// mac is what who has the key can make of the transcript.
func (t transcript) mac(key []byte, by end) []byte {
	parts := [][]byte{[]byte(by), t.hello, t.welcome}
	if t.secret != nil {
		parts = append(parts, t.secret)
	}
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(part))))
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// proof is a PROOF frame: that the sender is the process with its key, if both have one,
// and that it has the token, if that is not empty.
func (t transcript) proof(token string, by end) []byte {
	frame := []byte{frameProof}
	if t.secret != nil {
		frame = append(frame, t.mac(t.secret, by)...)
	}
	if token != "" {
		frame = append(frame, t.mac([]byte(token), by)...)
	}
	return frame
}

// verify checks a PROOF frame, and returns the credential with which it was made: a
// server's without a token if none is wanted.
func (t transcript) verify(frame []byte, by end, guarded bool, credentials []credential) (proven credential, err error) {
	if len(frame) == 0 || frame[0] != frameProof {
		return proven, fmt.Errorf("%w: not a proof", core.ErrMalformed)
	}
	rest := frame[1:]
	if t.secret != nil {
		n := min(sha256.Size, len(rest))
		if !hmac.Equal(rest[:n], t.mac(t.secret, by)) {
			return proven, errWrongKey
		}
		rest = rest[n:]
	}
	switch {
	case !guarded:
		return credential{role: core.RoleServer}, nil
	case len(rest) == 0:
		return proven, errNoToken
	}
	found := false
	for _, candidate := range credentials {
		if candidate.token != "" && hmac.Equal(rest, t.mac([]byte(candidate.token), by)) && !found {
			proven, found = candidate, true
		}
	}
	if !found {
		return proven, errWrongToken
	}
	return proven, nil
}

var (
	errNoToken    = fmt.Errorf("%w: no token", core.ErrUnauthorized)
	errWrongToken = fmt.Errorf("%w: wrong token", core.ErrUnauthorized)
	errWrongKey   = fmt.Errorf("%w: it does not have the key that it names", core.ErrImpostor)
)

// acceptProof is the acceptor's side: it wants the dialler's proof, and answers it with
// its own, by the token that the dialler has.
func (n *Node) acceptProof(ctx context.Context, conn core.Conn, h *hello, t transcript) error {
	guarded := n.guarded()
	switch {
	case !guarded && h.offer.nonce != "":
		return fmt.Errorf("%w: the peer wants a token, and there is none here", core.ErrUnauthorized)
	case !guarded && t.secret == nil:
		return nil
	}
	frame, err := n.await(ctx, conn)
	if err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	proven, err := t.verify(frame, dialler, guarded, n.credentials())
	if err != nil {
		return err
	}
	if role := h.role(); !proven.allows(role) {
		return fmt.Errorf("%w: it is no %s by its token, but an %s", core.ErrUnauthorized, role, proven.role)
	}
	if err := conn.Send(ctx, [][]byte{t.proof(proven.token, acceptor)}); err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	return nil
}

// dialProof is the dialler's side.
func (n *Node) dialProof(ctx context.Context, conn core.Conn, h *hello, t transcript) error {
	guarded := h.offer.nonce != ""
	switch {
	case !guarded && n.guarded():
		return errNoToken
	case !guarded && t.secret == nil:
		return nil
	}
	// Who is dialled is a server, and has to prove that it is one.
	tokens, own := n.tokens(), ""
	if guarded && len(tokens) > 0 {
		own = tokens[0]
	} // else the acceptor says that there is no token
	if err := conn.Send(ctx, [][]byte{t.proof(own, dialler)}); err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	answer, err := n.await(ctx, conn)
	if err != nil {
		return refusedBy(err, "proof")
	}
	_, err = t.verify(answer, acceptor, guarded, serverCredentials(tokens))
	return err
}

// serverCredentials are tokens by which servers prove themselves.
func serverCredentials(tokens []string) []credential {
	list := make([]credential, len(tokens))
	for i, token := range tokens {
		list[i] = credential{token, core.RoleServer}
	}
	return list
}

// transcriptOf copies what was received or sent; buffers are used again.
func transcriptOf(hello, welcome []byte) transcript {
	return transcript{hello: bytes.Clone(hello), welcome: bytes.Clone(welcome)}
}
