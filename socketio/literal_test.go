package socketio

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// theirs is what the library's encoder writes.
func theirs(value any) string {
	return parser.NewEncoder().Encode(&parser.Packet{Type: parser.EVENT, Data: []any{value}})[0].String()[1:]
}

// A literal is written as the library writes it.
func TestLiteral(t *testing.T) {
	for _, value := range []any{
		nil, true, false, "", "plain", "é", "<&>\"\\\u2028\x00\x7f", "\xff", strings.Repeat("x", 300),
		0, -1, math.MaxInt64, int64(math.MinInt64), uint64(math.MaxUint64),
		0.0, math.Copysign(0, -1), 0.1, -7.0, 1e21, 1e-7, 1 << 53, float64(1<<53 - 1), math.MaxFloat64,
		[]any(nil), []any{}, []any{1, []any{"a", nil}}, map[string]any(nil), map[string]any{"b": 1, "a": []any{}, "": "x", "<": nil},
	} {
		got, ok := appendLiteral(nil, []any{value}, 0)
		if want := theirs(value); !ok || string(got) != want {
			t.Errorf("%#v: %s, %v, want %s", value, got, ok, want)
		}
	}
}

// What is not made of literals is left to the library.
func TestNotLiteral(t *testing.T) {
	deep := any("x")
	for range maxLiteralDepth + 1 {
		deep = []any{deep}
	}
	for _, value := range []any{
		math.NaN(), math.Inf(1), []byte("x"), json.Number("1"), struct{}{}, new(string), []string{"x"}, map[string]int{"x": 1},
		[]any{1, []byte("x")}, map[string]any{"x": struct{}{}}, deep,
	} {
		if got, ok := appendLiteral(nil, value, 0); ok {
			t.Errorf("%#v is written as %s", value, got)
		}
	}
}

func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"<é>",null,true],"b":{"c":-0.0}}`, `"\ud800"`, `[1e400]`, `1e-7`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			return
		}
		if got, ok := appendLiteral(nil, []any{value}, 0); ok && string(got) != theirs(value) {
			t.Errorf("%s, want %s", got, theirs(value))
		}
		if got, ok := appendLiteral(nil, []any{text}, 0); !ok || string(got) != theirs(text) {
			t.Errorf("%s, want %s", got, theirs(text))
		}
	})
}
