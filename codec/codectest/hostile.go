package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// survives checks what holds for any input: no panic, and either an error of the contract
// or a well-formed message. It reports whether there is a message.
func survives(c core.Codec, src []byte, m *core.Message) (decoded bool, err error) {
	switch err := c.Decode(src, m); {
	case err == nil:
		if err := WellFormed(m); err != nil {
			return true, fmt.Errorf("decoded a message that is not well-formed: %w", err)
		}
		return true, nil
	case !errors.Is(err, core.ErrMalformed) && !errors.Is(err, core.ErrUnsupported):
		return false, fmt.Errorf("error wraps neither ErrMalformed nor ErrUnsupported: %w", err)
	}
	return false, nil
}

// places returns where a text of n bytes is damaged: at every byte, or at about 1,000
// places, including those near both ends.
func places(n int) []int {
	var list []int
	step := max(1, (n-512)/512)
	for i := 0; i < n; i++ {
		if i >= 256 && i < n-256 {
			i = min(i+step-1, n-256)
		}
		if i < n {
			list = append(list, i)
		}
	}
	return list
}

// quick returns the vectors without much text.
func (s *suite) quick() []Vector {
	list := []Vector{{"fetched two", Response(2)}}
	for _, v := range s.vectors() {
		if len(v.Message.Payload.Text) < 5000 && len(v.Message.Sockets) < 10 {
			list = append(list, v)
		}
	}
	return list
}

func (s *suite) truncated(t *testing.T) {
	for _, v := range s.vectors() {
		b := s.encode(t, v.Message)
		cuts := places(len(b))
		if len(b) > 20000 { // each one costs milliseconds
			cuts = append(cuts[:32], cuts[len(cuts)-32:]...)
		}
		for _, n := range cuts {
			var m core.Message
			if _, err := survives(s.codec, bytes.Clone(b[:n]), &m); err != nil {
				t.Fatalf("%s, first %d of %d bytes: %v", v.Name, n, len(b), err)
			}
		}
	}
}

func (s *suite) damaged(t *testing.T) {
	for _, v := range s.quick() {
		b := s.encode(t, v.Message)
		for _, i := range places(len(b)) {
			mask := byte(1) << (i * 3 % 8)
			b[i] ^= mask
			var m core.Message
			if _, err := survives(s.codec, b, &m); err != nil {
				t.Fatalf("%s, byte %d xor %#x: %v\n%q", v.Name, i, mask, err, b)
			}
			b[i] ^= mask
		}
	}
}

// proportional overwrites places all over the vectors with bytes that may be read as a
// huge number.
func (s *suite) proportional(t *testing.T) {
	const each, base = 256, 4 << 10 // bytes for each byte of input, and for errors and the like
	claims := [][]byte{{0xff, 0xff, 0xff, 0xff}, {0x7f, 0xff, 0xff, 0xff}, {0xdd, 0x7f, 0xff, 0xff, 0xff}, {0xdf, 0x0f, 0xff, 0xff, 0xff}, []byte("999999999")}
	for _, v := range s.quick() {
		b := s.encode(t, v.Message)
		src := make([]byte, len(b))
		for _, claim := range claims {
			places := places(len(b) - len(claim))
			taken := taken(func() {
				for _, i := range places {
					copy(src, b)
					copy(src[i:], claim)
					_ = s.codec.Decode(src, new(core.Message))
				}
			})
			if limit := len(places) * (each*len(src) + base); taken > uint64(limit) {
				t.Fatalf("%s with %q in %d places: %d bytes of input took %d bytes of memory", v.Name, claim, len(places), len(src), taken)
			}
		}
	}
}

// taken returns how much memory f allocates, including everything that runs meanwhile.
func taken(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
