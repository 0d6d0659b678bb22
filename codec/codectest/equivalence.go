package codectest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// Subject is a codec with its options.
type Subject struct {
	Codec   core.Codec
	Options []Option
}

// Equivalence checks that it does not matter which codec a message travels in: each of
// [Messages], and some that no careful sender would write, comes back the same from all
// codecs that can encode its kind.
//
// The same means: all fields are equal, as [Diff] compares them, except that
//
//   - Flags.Local is gone, and Flags.Timeout is in whole milliseconds, rounded up;
//   - each byte in a string that was not UTF-8 is U+FFFD.
//
// Codecs of reference peers (see [Reference]) return what the reference can represent:
// the fields that the kind needs, without Brief; timeouts of 2^31-1 ms at most; no
// members named __proto__; null for a number beyond float64; null if there is no value,
// and {} if a socket has none. They may refuse what the reference would not survive or
// understand: values nested more than 1,000 deep, a handshake that is not an object, a
// count beyond 2^53-1.
func Equivalence(t *testing.T, subjects ...Subject) {
	for _, v := range append(Messages(), careless()...) {
		t.Run(v.Name, func(t *testing.T) {
			if err := agree(v.Message, subjects); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// FuzzEquivalence checks that all codecs carry every message that one codec decodes, as
// in [Equivalence]. The input is a frame, and the number of the codec that decodes it.
func FuzzEquivalence(f *testing.F, subjects ...Subject) {
	for i, s := range subjects {
		for _, v := range append(Messages(), careless()...) {
			if frame, err := s.Codec.Append(nil, v.Message); err == nil && len(frame) < 2048 {
				f.Add(uint8(i), frame)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, frame []byte) {
		s := subjects[int(which)%len(subjects)]
		var m core.Message
		if s.Codec.Decode(frame, &m) != nil {
			return
		}
		if err := agree(&m, subjects); err != nil {
			t.Fatalf("decoded by %s: %v", s.Codec.Name(), err)
		}
	})
}

// agree sends m through all codecs.
func agree(m *core.Message, subjects []Subject) error {
	for _, s := range subjects {
		if err := s.carry(m); err != nil {
			return fmt.Errorf("%s: %w", s.Codec.Name(), err)
		}
	}
	return nil
}

// carry sends m through the codec.
func (s Subject) carry(m *core.Message) error {
	o := optionsOf(s.Options)
	frame, err := s.Codec.Append(nil, m)
	if !o.carries(m.Kind) {
		if !errors.Is(err, core.ErrUnsupported) {
			return fmt.Errorf("%s: %v, want an error that wraps ErrUnsupported", m.Kind, err)
		}
		return nil
	}
	var have core.Message
	if err == nil {
		err = s.Codec.Decode(frame, &have)
	}
	if err != nil {
		if o.reference && harmful(m) {
			return nil
		}
		return fmt.Errorf("refused: %w", err)
	}
	want := carried(m)
	if o.reference {
		want = referenced(want)
	}
	if d := Diff(&have, want, s.Options...); d != "" {
		return errors.New(d)
	}
	return nil
}
