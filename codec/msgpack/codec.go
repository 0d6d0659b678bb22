package msgpack

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// Codec is the codec of the reference, the Node implementation. It has no state; the zero value is ready.
type Codec struct{}

var _ core.Codec = Codec{}

// New returns the codec, for [core.Config].
func New() Codec { return Codec{} }

// Name is "msgpack", the name under which a node looks for the codec of its
// reference peers.
func (Codec) Name() string { return "msgpack" }

// Append appends the encoding of m to dst (see [core.Codec]).
func (Codec) Append(dst []byte, m *core.Message) ([]byte, error) {
	if !m.Kind.Reference() {
		return dst, fmt.Errorf("msgpack: append %s: %w", m.Kind, core.ErrUnsupported)
	}
	b, err := appendMessage(dst, m)
	if err != nil {
		return dst, fmt.Errorf("msgpack: append %s: %w: %w", m.Kind, core.ErrMalformed, err)
	}
	return b, nil
}

// Decode overwrites m with the message in src (see [core.Codec]).
func (Codec) Decode(src []byte, m *core.Message) error {
	err := decodeMessage(src, m)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, core.ErrUnsupported):
		return fmt.Errorf("msgpack: decode: %w", err)
	}
	return fmt.Errorf("msgpack: decode: %w: %w", core.ErrMalformed, err)
}
