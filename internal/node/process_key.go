package node

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// processID distinguishes a process from others that have, or had, the same uid: by a
// random name, which all its peers learn, and by its public key, for which only the
// process has the private one. Processes of older versions have no key.
type processID struct{ name, key string }

// processKey is the key pair of this process. With the public key of another process it
// yields a secret that only these two can compute; so in every handshake each can prove
// that it is the process that it claims to be.
type processKey struct {
	private *ecdh.PrivateKey
	public  string // in hex, as in HELLO
}

func newProcessKey() *processKey {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("node: no key: %v", err)) // the system has no random numbers
	}
	return &processKey{private, hex.EncodeToString(private.PublicKey().Bytes())}
}

// shared returns the secret of the two processes with these offers; nil if one of them
// has no key.
func (k *processKey) shared(ours, theirs *offer) ([]byte, error) {
	if ours.key == "" || theirs.key == "" {
		return nil, nil
	}
	public, err := hex.DecodeString(theirs.key)
	if err != nil {
		return nil, fmt.Errorf("%w: key: %w", core.ErrMalformed, err)
	}
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("%w: key: %w", core.ErrMalformed, err)
	}
	secret, err := k.private.ECDH(key)
	if err != nil {
		return nil, fmt.Errorf("%w: key: %w", core.ErrMalformed, err)
	}
	return secret, nil
}
