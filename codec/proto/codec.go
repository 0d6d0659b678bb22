package proto

import (
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// Codec is the codec of the schema in meshpb. It has no state; the zero value is
// ready.
type Codec struct{}

var _ core.Codec = Codec{}

// New returns the codec, for [core.Config].
func New() Codec { return Codec{} }

// Name is "proto".
func (Codec) Name() string { return "proto" }

// Append appends the encoding of m to dst (see [core.Codec]). It carries every kind and
// every field, except Flags.Local, which never leaves a server. It allocates only if
// the capacity of dst is too small.
func (Codec) Append(dst []byte, m *core.Message) ([]byte, error) {
	if !m.Kind.Valid() {
		return dst, fmt.Errorf("proto: append %s: %w", m.Kind, core.ErrUnsupported)
	}
	if err := m.Complete(); err != nil {
		return dst, fmt.Errorf("proto: append %s: %w: %w", m.Kind, core.ErrMalformed, err)
	}
	return appendMessage(dst, m), nil
}

// Decode overwrites m with the message in src (see [core.Codec]).
func (Codec) Decode(src []byte, m *core.Message) error {
	if err := decode(src, m); err != nil {
		return fmt.Errorf("proto: decode: %w", err)
	}
	return nil
}
