package siovalue

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

func TestEncode(t *testing.T) {
	for _, test := range []struct {
		value       any
		text        string
		attachments []string
	}{
		{nil, `null`, nil},
		{"", `""`, nil},
		{1 << 53, `9007199254740992`, nil},
		{-1.5, `-1.5`, nil},
		{[]int{1}, `[1]`, nil},
		{struct {
			A string `json:"a"`
			B []byte
		}{"x", []byte("y")}, `{"a":"x","B":"eQ=="}`, nil},
		{[]byte("b"), `{"_placeholder":true,"num":0}`, []string{"b"}},
		{[]byte{}, `{"_placeholder":true,"num":0}`, []string{""}},
		{bytes.NewReader([]byte("r")), `{"_placeholder":true,"num":0}`, []string{"r"}},
		{types.NewBytesBufferString("n"), `{"_placeholder":true,"num":0}`, []string{"n"}},
		{types.NewStringBufferString("t"), `"t"`, nil},
		{strings.NewReader("s"), `"s"`, nil},
		{[]any{[]byte("0"), map[string]any{"x": []any{[]byte("1")}}, "-"},
			`[{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1}]},"-"]`, []string{"0", "1"}},
	} {
		p, err := Encode(test.value, Options{})
		if err != nil {
			t.Errorf("%v: %v", test.value, err)
		}
		if string(p.Text) != test.text || len(p.Attachments) != len(test.attachments) {
			t.Errorf("%v: %s with %q", test.value, p.Text, p.Attachments)
			continue
		}
		for i, a := range test.attachments {
			if string(p.Attachments[i]) != a {
				t.Errorf("%v: attachment %d is %q", test.value, i, p.Attachments[i])
			}
		}
	}
}

func TestDecode(t *testing.T) {
	attachments := [][]byte{[]byte("a"), []byte("b")}
	for _, test := range []struct {
		text        string
		attachments [][]byte
		want        any
	}{
		{``, nil, nil},
		{`null`, nil, nil},
		{`3`, nil, 3.0},
		{`{"_placeholder":true,"num":0}`, nil, map[string]any{"_placeholder": true, "num": 0.0}},
		{`{"_placeholder":true,"num":1}`, attachments, []byte("b")},
		{`[{"_placeholder":false,"num":9},{"x":{"_placeholder":true,"num":0}}]`, attachments,
			[]any{map[string]any{"_placeholder": false, "num": 9.0}, map[string]any{"x": []byte("a")}}},
		{`{"__proto__":{"é":"\u0000"}}`, nil, map[string]any{"__proto__": map[string]any{"é": "\x00"}}},
	} {
		got, err := Decode(core.Payload{Text: []byte(test.text), Attachments: test.attachments}, AsBytes)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, %v; want %v", test.text, got, err, test.want)
		}
	}
	for _, bad := range []string{`{`, `{"_placeholder":true,"num":2}`, `{"_placeholder":true,"num":-1}`,
		`{"_placeholder":true,"num":0.5}`, `{"_placeholder":true,"num":"0"}`, `{"_placeholder":true}`,
		`[[{"_placeholder":true,"num":1e300}]]`, strings.Repeat("[", 20_000)} {
		if _, err := Decode(core.Payload{Text: []byte(bad), Attachments: attachments}, AsBytes); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
}

// TestDecodedBuffersAreCopies: what listeners do to theirs is not seen by others.
func TestDecodedBuffersAreCopies(t *testing.T) {
	p := core.Payload{Text: []byte(`[{"_placeholder":true,"num":0}]`), Attachments: [][]byte{[]byte("a")}}
	value, err := Decode(p, AsBuffer)
	if err != nil {
		t.Fatal(err)
	}
	value.([]any)[0].(types.BufferInterface).Bytes()[0] = 'X'
	if string(p.Attachments[0]) != "a" {
		t.Error("a listener writes into the payload")
	}
}

// FuzzDecode: payloads come from peers. What is decoded can be encoded again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`["e",{"_placeholder":true,"num":0}]`), []byte("a"))
	f.Add([]byte(`[{"_placeholder":true,"num":1e9}]`), []byte(nil))
	f.Add([]byte(`{"headers":{"a":1},"issued":"x","query":[],"auth":null,"secure":"no"}`), []byte(nil))
	f.Fuzz(func(t *testing.T, text, attachment []byte) {
		for _, attachments := range [][][]byte{nil, {attachment}} {
			p := core.Payload{Text: text, Attachments: attachments}
			args, err := DecodeEvent(p, AsBytes)
			if err != nil {
				continue
			}
			again, bad := Encode(args, Options{})
			if bad != nil {
				t.Fatalf("%q decodes to what cannot be encoded: %v", text, bad)
			}
			if _, err := DecodeEvent(again, AsBytes); err != nil {
				t.Fatalf("%q does not survive: %v", text, err)
			}
		}
	})
}
