package codectest

import (
	"errors"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// FuzzDecode fuzzes a codec's Decode. A message that it returns must be well-formed, and
// mean the same after Append and Decode. Append may refuse a message that is nested too
// deep for its readers.
func FuzzDecode(f *testing.F, c core.Codec, opts ...Option) {
	for _, v := range Messages() {
		b, err := c.Append(nil, v.Message)
		if err == nil && len(b) < 4096 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var m core.Message
		decoded, err := survives(c, src, &m)
		if err != nil {
			t.Fatal(err)
		}
		if !decoded {
			return
		}
		b, err := c.Append(nil, &m)
		if errors.Is(err, core.ErrUnsupported) {
			t.Fatalf("what was decoded has no form: %v", err)
		}
		if err != nil {
			return
		}
		var again core.Message
		if err := c.Decode(b, &again); err != nil {
			t.Fatalf("what was encoded does not decode: %v\n%q", err, b)
		}
		if d := Diff(&again, &m, opts...); d != "" {
			t.Fatalf("after another round: %s", d)
		}
	})
}
