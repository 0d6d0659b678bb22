package node

import (
	"bytes"
	"context"
	"crypto/hmac"
	"fmt"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/proof"
)

// Two Go nodes prove to each other that they have the token, without sending it, and that
// they are the processes that they claim to be (see processKey). A proof is a MAC over
// the HELLO and the WELCOME as they were sent. Each of these contains a random number, so
// a proof is valid for one handshake only. The dialler proves first, so that strangers
// who dial get nothing with which they could try out tokens.

// end says which end of a connection makes a proof. It goes into the MAC, so that a proof
// cannot be sent back to its maker.
type end string

const (
	dialler  end = "socketmesh dialler"
	acceptor end = "socketmesh acceptor"
)

// transcript is the handshake so far: the HELLO, the WELCOME, and the secret of the two
// processes, which is nil if one of them has no key.
type transcript struct{ hello, welcome, secret []byte }

// mac computes the MAC of the transcript with a key.
func (t transcript) mac(key []byte, by end) []byte {
	parts := [][]byte{[]byte(by), t.hello, t.welcome}
	if t.secret != nil {
		parts = append(parts, t.secret)
	}
	return proof.MAC(key, parts...)
}

// proof makes a PROOF frame. It proves that the sender is the process with its key, if
// both have one, and that it has the token, if that is not empty.
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

// verify checks a PROOF frame, and returns the credential with which it was made. If no
// token is required, that is a server's without a token.
func (t transcript) verify(frame []byte, by end, guarded bool, credentials []credential) (proven credential, err error) {
	if len(frame) == 0 || frame[0] != frameProof {
		return proven, fmt.Errorf("%w: not a proof", core.ErrMalformed)
	}
	rest := frame[1:]
	if t.secret != nil {
		n := min(proof.Size, len(rest))
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

// acceptProof is the acceptor's side: it checks the dialler's proof, and answers with its
// own, made with the token that the dialler has used.
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
	// Only servers are dialled, so the other end has to prove that it is one.
	tokens, own := n.tokens(), ""
	if guarded && len(tokens) > 0 {
		own = tokens[0]
	} // otherwise the acceptor reports that there is no token
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

// serverCredentials returns the credentials of servers with these tokens.
func serverCredentials(tokens []string) []credential {
	list := make([]credential, len(tokens))
	for i, token := range tokens {
		list[i] = credential{token, core.RoleServer}
	}
	return list
}

// transcriptOf makes a transcript. It copies the frames, whose buffers are reused.
func transcriptOf(hello, welcome []byte) transcript {
	return transcript{hello: bytes.Clone(hello), welcome: bytes.Clone(welcome)}
}
