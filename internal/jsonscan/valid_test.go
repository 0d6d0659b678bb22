package jsonscan

import (
	"strings"
	"testing"
)

// FuzzValid compares valid with a Scanner.
func FuzzValid(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `1`, ` -0.5e+3 `, `01`, `1.`, `1e`, `-`, `1 2`, `"a"`, `"a`, `"\n\u00e9"`, `"\x"`, `"\u12"`, "\"\x01\"", "\"\xff\"", `"` + strings.Repeat("0123456789", 3) + `"`,
		`true`, `tru`, `false`, `null`, `nullx`, `[]`, `[ ]`, `{}`, `{ }`, `[`, `]`, `{`, `}`, `[}`, `{]`, `[1}`, `{"a":1]`, `[{"a":1]`, `{"a":[1}`, `[1,]`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{1:2}`, `[1 2]`, `{"a":1 "b":2}`, `[,1]`, `{,}`,
		`{"a":[1,{"b":null},"c"],"d":{"e":{}}}`, `[[],{},[{}]]`, `[{"a":[]},{"b":{}}] `, "\t[\n1\r, 2]", `["a":1]`, `{"a",1}`, `[[]`, `[]]`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, deepest := true, 0
		for s := NewScanner(text); ; {
			tok, err := s.Next()
			if want = err == nil; !want || tok.Kind == End {
				break
			}
			deepest = max(deepest, s.Depth())
		}
		if have := valid(text); have != want && !(want && deepest > 64) {
			t.Fatalf("%q: have %v, want %v", text, have, want)
		}
	})
}
