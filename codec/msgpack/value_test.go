package msgpack

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/internal/msgpack"
)

func TestToJSON(t *testing.T) {
	for _, c := range []struct {
		src  any
		want string // attachments behind the text
	}{
		{nil, `null`},
		{[]any{true, false}, `[true,false]`},
		{pack{0xca, 0x3f, 0xc0, 0, 0}, `1.5`},
		{3.0, `3`},
		{math.Copysign(0, -1), `0`},
		{[]any{math.NaN(), math.Inf(1), math.Inf(-1)}, `[null,null,null]`},
		{pack{0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0}, `9007199254740992`},
		{pack{0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1}, `9007199254740992`},
		{pack{0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, `18446744073709552000`},
		{pack{0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}, `-9223372036854776000`},
		{"a\xff\xed\xa0\x80\"", `"a` + strings.Repeat("\uFFFD", 4) + `\""`},
		{object{1, "a", -2.5, "b", "c", object{}}, `{"1":"a","-2.5":"b","c":{}}`},
		{object{"\xff\"", 1}, "{\"\uFFFD\\\"\":1}"},
		{object{"__proto__", 1}, `{"__proto__":1}`},

		{[]any{[]byte{1, 2}, object{"a", []byte{}}}, `[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}] 0102 `},
		{[]any{[]byte{7}, []byte{7}}, `[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}] 07 07`},
		{pack{0xd4, 5, 0xaa}, `{"type":5,"data":{"_placeholder":true,"num":0}} aa`},
		{pack{0xc7, 0, 0x80}, `{"type":-128,"data":{"_placeholder":true,"num":0}} `},

		// Without binary values, what looks like a placeholder is kept.
		{object{"_placeholder", true, "num", 3}, `{"_placeholder":true,"num":3}`},
		{[]any{pack{0xd6, 0xff, 0, 0, 0, 0}, object{"_placeholder", true, "num", 0}}, `["1970-01-01T00:00:00.000Z",{"_placeholder":true,"num":0}]`},
		// Beside them it cannot be: before, behind, around, in an extension's company.
		{[]any{object{"_placeholder", true, "num", 3}, []byte{1}}, `[{"num":3},{"_placeholder":true,"num":0}] 01`},
		{[]any{[]byte{1}, object{"num", 0, "_placeholder", true}}, `[{"_placeholder":true,"num":0},{"num":0}] 01`},
		{object{"a", []byte{1}, "_placeholder", true, "num", 0, "b", 1}, `{"a":{"_placeholder":true,"num":0},"num":0,"b":1} 01`},
		{object{"_placeholder", true, "x", []byte{1}}, `{"x":{"_placeholder":true,"num":0}} 01`},
		{[]any{object{"_placeholder", true}, pack{0xd4, 5, 0xaa}}, `[{},{"type":5,"data":{"_placeholder":true,"num":0}}] aa`},
		{[]any{object{"_placeholder", false, "num", 9}, object{"_placeholder", 1}, []byte{1}}, `[{"_placeholder":false,"num":9},{"_placeholder":1},{"_placeholder":true,"num":0}] 01`},
	} {
		p := fromMsgpack(t, encode(c.src))
		if have := show(p); have != c.want {
			t.Errorf("%x: have %s, want %s", encode(c.src), have, c.want)
		}
		if err := jsonscan.Check(p.Text, len(p.Attachments)); err != nil {
			t.Errorf("%s: %v", p.Text, err)
		}
	}
}

// show returns a payload's text, followed by its attachments.
func show(p core.Payload) string {
	s := string(p.Text)
	for _, a := range p.Attachments {
		s += fmt.Sprintf(" %x", a)
	}
	return s
}

func TestTimestamps(t *testing.T) {
	for src, want := range map[string]string{
		"d6ff00000000":                   `"1970-01-01T00:00:00.000Z"`,
		"d6ff6553f100":                   `"2023-11-14T22:13:20.000Z"`,
		"d6ffffffffff":                   `"2106-02-07T06:28:15.000Z"`,
		"d7ff1d5353006553f100":           `"2023-11-14T22:13:20.123Z"`,
		"d7ffee6b27fc6553f100":           `"2023-11-14T22:13:21.000Z"`,    // what a float64 makes of 999,999,999 ns
		"c70cff075bcd15ffffffff886e0900": `"1906-06-07T18:35:44.124Z"`,    // toward zero
		"c70cff3b9ac9ffffffffffffffffff": `"1970-01-01T00:00:00.000Z"`,    // the last nanosecond of 1969, toward zero
		"c70cff00000000fffffff184aa5080": `"-000001-01-01T00:00:00.000Z"`, // a year of six digits
		"c70cff000000000000003afff44180": `"+010000-01-01T00:00:00.000Z"`,
		"c70cff000000000000003afff4417f": `"9999-12-31T23:59:59.000Z"`,
		"c70cff00000000000007dba8218000": `"+275760-09-13T00:00:00.000Z"`, // JavaScript's last
		"c70cff00000000000007dba8218001": `null`,
		"c70cff00000000fffff82457de8000": `"-271821-04-20T00:00:00.000Z"`, // and its first
		"c70cff00000000fffff82457de7fff": `null`,
		"c70cff000000007fffffffffffffff": `null`,
		"c70cffffffffff8000000000000000": `null`,
	} {
		b, err := hex.DecodeString(src)
		if err != nil {
			t.Fatal(err)
		}
		if have := show(fromMsgpack(t, b)); have != want {
			t.Errorf("%s: have %s, want %s", src, have, want)
		}
	}
	for _, size := range []int{0, 1, 3, 5, 11, 13, 16} {
		if _, err := appendTimestamp(nil, make([]byte, size)); !errors.Is(err, msgpack.ErrType) {
			t.Errorf("timestamp of %d bytes: %v", size, err)
		}
	}
}

func TestFromJSON(t *testing.T) {
	one, two := []byte{1}, []byte{2, 2}
	for _, c := range []struct {
		text        string
		attachments [][]byte
		want        any
	}{
		{`1.0`, nil, 1},
		{`[1e3,-0,0.0,-0.0,10e-1,0.5,1e21]`, nil, []any{1000, 0, 0, 0, 1, 0.5, 1e21}},
		{`[9007199254740991,9007199254740992,9007199254740993,-9007199254740992]`, nil, []any{1<<53 - 1, 9007199254740992.0, 9007199254740992.0, -9007199254740992.0}},
		{`[1e400,-1e400,1e-400]`, nil, []any{math.Inf(1), math.Inf(-1), 0}},
		{`"\ud83d\ude00\ud83d\u0041\ude00"`, nil, "😀\uFFFDA\uFFFD"},
		{"\"\xff\"", nil, "\uFFFD"},
		{"\"" + strings.Repeat("\xff", 20) + "\"", nil, strings.Repeat("\uFFFD", 20)},
		{`"` + strings.Repeat(`\u0061`, 300) + `"`, nil, strings.Repeat("a", 300)},
		{` { "b" : [ ] , "a" : { } } `, nil, object{"b", []any{}, "a", object{}}},
		{`{"a":1,"a":2}`, nil, object{"a", 1, "a", 2}},

		{`{"__proto__":1}`, nil, object{}},
		{`{"a":1,"__proto__":{"b":[{},[]]},"c":[{"\u005f_proto__":[1]},2]}`, nil, object{"a", 1, "c", []any{object{}, 2}}},
		{`["__proto__"]`, nil, []any{"__proto__"}},

		{`{"_placeholder":true,"num":0}`, nil, object{"_placeholder", true, "num", 0}},
		{`[{"_placeholder":true,"num":1},{"num":0,"_placeholder":true,"x":[{}]},{"_placeholder":true,"num":1}]`, [][]byte{one, two}, []any{two, one, two}},
		{`[[{"_placeholder":true,"num":0},[1]],{}]`, [][]byte{one}, []any{[]any{one, []any{1}}, object{}}},
		{`{"__proto__":{"_placeholder":true,"num":1},"a":{"_placeholder":true,"num":0}}`, [][]byte{one, two}, object{"a", one}},
		{`[{"_placeholder":false,"num":9},{"num":9}]`, [][]byte{one}, []any{object{"_placeholder", false, "num", 9}, object{"num", 9}}},
	} {
		have, err := appendValue([]byte("-"), core.Payload{Text: []byte(c.text), Attachments: c.attachments})
		if want := "-" + string(encode(c.want)); err != nil || string(have) != want {
			t.Errorf("%.80s: have %.80x, %v, want %.80x", c.text, have, err, want)
		}
	}
	for _, c := range []core.Payload{
		{Text: []byte(`[`)},
		{Text: []byte(`1 2`)},
		{Text: []byte(`{"_placeholder":true,"num":1}`), Attachments: [][]byte{one}},
		{Text: []byte(`{"_placeholder":true}`), Attachments: [][]byte{one}},
	} {
		if b, err := appendValue(nil, c); err == nil {
			t.Errorf("%s was taken: %x", c.Text, b)
		}
	}
}

// JSON that is written as MessagePack and read again is the same, except for what
// MessagePack cannot hold.
func FuzzTranscoder(f *testing.F) {
	for _, v := range codectest.Messages() {
		if len(v.Message.Payload.Text) < 4096 && len(v.Message.Payload.Attachments) < 3 {
			var a, b []byte
			if len(v.Message.Payload.Attachments) > 0 {
				a, b = v.Message.Payload.Attachments[0], v.Message.Payload.Attachments[len(v.Message.Payload.Attachments)-1]
			}
			f.Add(v.Message.Payload.Text, a, b)
		}
	}
	f.Fuzz(func(t *testing.T, text, a, b []byte) {
		p := core.Payload{Text: text}
		if len(a)+len(b) > 0 {
			p.Attachments = [][]byte{a, b}
		}
		src, err := appendValue(nil, p)
		sound := len(text) == 0 || jsonscan.Check(text, len(p.Attachments)) == nil
		if err != nil {
			if sound && !errors.Is(err, jsonscan.ErrDepth) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		d := decoder{Reader: *msgpack.NewReader(src)}
		back, err := d.value()
		if err != nil || d.Len() > 0 {
			t.Fatalf("%q became %x: %v, %d bytes left", text, src, err, d.Len())
		}
		if len(text) == 0 || !sound { // text that is not UTF-8 is mended
			return
		}
		m, again := codectest.Broadcast(p), codectest.Broadcast(back)
		if infinite(src) {
			return // becomes null
		}
		if d := codectest.Diff(again, m, codectest.Reference()); d != "" {
			t.Fatalf("%q: %s", text, d)
		}
	})
}

// infinite tells whether src may hold a number beyond float64.
func infinite(src []byte) bool {
	return strings.Contains(string(src), "\xcb\x7f\xf0") || strings.Contains(string(src), "\xcb\xff\xf0")
}

// MessagePack that is read becomes valid JSON, and the same JSON again after another
// round.
func FuzzValue(f *testing.F) {
	for _, v := range readVectors(f, "v2-values.json") {
		src, err := hex.DecodeString(v.Hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte(encode([]any{object{"_placeholder", true, "num", 3}, []byte{1}, pack{0xd4, 5, 0xaa}, object{1, 2.5}})))
	f.Fuzz(func(t *testing.T, src []byte) {
		d := decoder{Reader: *msgpack.NewReader(src)}
		p, err := d.value()
		if err != nil {
			return
		}
		if err := jsonscan.Check(p.Text, len(p.Attachments)); err != nil {
			t.Fatalf("%x became %q: %v", src, p.Text, err)
		}
		b, err := appendValue(nil, p)
		if err != nil {
			if !errors.Is(err, jsonscan.ErrDepth) {
				t.Fatal(err)
			}
			return
		}
		if d := codectest.Diff(codectest.Broadcast(fromMsgpack(t, b)), codectest.Broadcast(p), codectest.Reference()); d != "" {
			t.Fatalf("%x: %s", src, d)
		}
	})
}
