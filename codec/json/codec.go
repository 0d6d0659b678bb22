package json

import (
	"errors"
	"fmt"
	"slices"

	"github.com/socketmesh/mesh/core"
)

// Codec is the default codec between Go nodes. It has no state; the zero value
// is ready.
type Codec struct{}

var _ core.Codec = Codec{}

// New returns the codec, for [core.Config].
func New() Codec { return Codec{} }

// Name is "json".
func (Codec) Name() string { return "json" }

// Append appends the encoding of m to dst (see [core.Codec]). It carries every kind and every
// field, except Flags.Local, which never leaves a server.
func (Codec) Append(dst []byte, m *core.Message) ([]byte, error) {
	if !m.Kind.Valid() {
		return dst, fmt.Errorf("json: append %s: %w", m.Kind, core.ErrUnsupported)
	}
	if err := m.Complete(); err != nil {
		return dst, fmt.Errorf("json: append %s: %w: %w", m.Kind, core.ErrMalformed, err)
	}
	dst = slices.Grow(dst, sizeOf(m))
	return appendBlobs(append(appendHeader(dst, m), '\n'), m), nil
}

// Decode overwrites m with the message in src (see [core.Codec]).
func (Codec) Decode(src []byte, m *core.Message) error {
	err := decode(src, m)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, core.ErrUnsupported):
		return fmt.Errorf("json: decode: %w", err)
	}
	return fmt.Errorf("json: decode: %w: %w", core.ErrMalformed, err)
}
