// Package cbor is a codec that writes messages in CBOR (RFC 8949).
package cbor

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/socketmesh/mesh/core"
)

// Codec is a core.Codec.
type Codec struct{ mode cbor.DecMode }

var _ core.Codec = Codec{}

// New returns the codec.
func New() Codec {
	mode, err := cbor.DecOptions{
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxArrayElements: math.MaxInt32, // each costs a byte at least
	}.DecMode()
	if err != nil {
		panic(err) // these options are good
	}
	return Codec{mode}
}

// Name is "cbor".
func (Codec) Name() string { return "cbor" }

// Append writes a message with the names of its fields. That is short to program;
// a struct of your own, with tags such as `cbor:"1,keyasint,omitempty"`, is short
// on the wire.
func (Codec) Append(dst []byte, m *core.Message) ([]byte, error) {
	wire := *m // which belongs to others, and must not change
	wire.To.Flags.Local = false
	wire.To.Flags.Timeout = wholeMilliseconds(m.To.Flags.Timeout)
	if err := wire.Validate(); err != nil {
		return dst, fmt.Errorf("cbor: append: %w", err)
	}
	purify(&wire)
	out := bytes.NewBuffer(dst)
	if err := cbor.MarshalToBuffer(&wire, out); err != nil {
		return dst, fmt.Errorf("cbor: append %s: %w", m.Kind, err)
	}
	return out.Bytes(), nil
}

// purify puts U+FFFD in the place of each byte that is not UTF-8, as all codecs do.
func purify(m *core.Message) {
	m.From, m.Namespace, m.RequestID = pure(m.From), pure(m.Namespace), pure(m.RequestID)
	m.To.Rooms, m.To.Except, m.Rooms = purely(m.To.Rooms), purely(m.To.Except), purely(m.Rooms)
	m.Sockets = slices.Clone(m.Sockets)
	for i := range m.Sockets {
		s := &m.Sockets[i]
		s.ID, s.Address, s.Rooms = pure(s.ID), pure(s.Address), purely(s.Rooms)
	}
}

func purely(list []string) []string {
	list = slices.Clone(list)
	for i := range list {
		list[i] = pure(list[i])
	}
	return list
}

func pure(s string) string { return string([]rune(s)) }

// wholeMilliseconds rounds up, as all codecs do, as far as there is an up.
func wholeMilliseconds(d time.Duration) time.Duration {
	whole := max(d, 0).Truncate(time.Millisecond)
	if whole < d && whole <= math.MaxInt64-time.Millisecond {
		whole += time.Millisecond
	}
	return whole
}

// Decode trusts nobody: the library checks that src is CBOR, Validate that it is a
// message.
func (c Codec) Decode(src []byte, m *core.Message) error {
	*m = core.Message{}
	if err := c.mode.Unmarshal(src, m); err != nil {
		return fmt.Errorf("cbor: decode: %w: %w", core.ErrMalformed, err)
	}
	if err := m.Validate(); err != nil {
		return fmt.Errorf("cbor: decode: %w", err)
	}
	return nil
}
