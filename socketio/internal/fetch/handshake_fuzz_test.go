package fetch

import (
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siotest"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

func TestHandshakeWriter(t *testing.T) {
	var w handshakeWriter
	circle := map[string]any{}
	circle["a"] = []any{circle}
	for name, c := range map[string]struct {
		h    *socket.Handshake
		fast bool
	}{
		"empty":         {&socket.Handshake{}, true},
		"browser":       {siotest.Browser(7), true},
		"strings":       {&socket.Handshake{Headers: map[string]any{"A": "<x>"}, Query: map[string]any{"q": "\xff", "": ""}}, true},
		"lists":         {&socket.Handshake{Headers: map[string]any{"Cookie": []string{"a", "b"}, "X": []string{"a", "&"}, "Y": []string{}, "Z": []string(nil)}, Query: map[string]any{"q": []string(nil), "r": []string{}, "s": []string{"1", "2"}, "t": []string{"\u2028"}}}, true},
		"host":          {&socket.Handshake{Headers: map[string]any{"HOST": []string{"of the header"}, "a": "", "z": ""}}, true},
		"auth":          {&socket.Handshake{Auth: map[string]any{"a": nil, "b": true, "c": 1.5, "d": math.Copysign(0, -1), "e": []any{}, "f": []any(nil), "g": map[string]any(nil), "h": map[string]any{"<": []any{1e21, 1e-7}}, "i": 5, "j": int64(-6)}}, true},
		"numbers":       {&socket.Handshake{Auth: map[string]any{"nan": math.NaN()}}, true},
		"infinity":      {&socket.Handshake{Auth: map[string]any{"inf": math.Inf(-1)}}, true},
		"twins":         {&socket.Handshake{Headers: map[string]any{"X-A": "same", "x-a": "same"}}, false},
		"bytes":         {&socket.Handshake{Auth: map[string]any{"b": []byte("b")}}, false},
		"buffer":        {&socket.Handshake{Headers: map[string]any{"b": types.NewBytesBufferString("b")}}, false},
		"struct":        {&socket.Handshake{Query: map[string]any{"b": struct{ A int }{1}}}, false},
		"deep":          {&socket.Handshake{Auth: map[string]any{"a": deep(200)}}, true},
		"no JSON":       {&socket.Handshake{Auth: map[string]any{"a": make(chan int), "b": []any{func() {}}}}, true},
		"once":          {&socket.Handshake{Auth: map[string]any{"a": io.MultiReader()}}, false},
		"not encodable": {&socket.Handshake{Auth: map[string]any{"a": 1i}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			const before = "before"
			want, wantErr := encodeHandshake(c.h, "example.org")
			have, ok := w.append([]byte(before), c.h, "example.org")
			switch {
			case ok != c.fast:
				t.Errorf("ok is %v", ok)
			case ok && (wantErr != nil || string(have) != before+string(want.Text)):
				t.Errorf("have %s\nwant %s, %v", have, want.Text, wantErr)
			case !ok && string(have) != before:
				t.Errorf("left behind: %s", have)
			}
		})
	}
	if _, ok := w.append(nil, &socket.Handshake{Auth: circle}, ""); ok {
		t.Error("a circle is written")
	}
}

func deep(n int) (value any) {
	for range n {
		value = []any{value}
	}
	return value
}

// FuzzHandshakeWriter compares the writer with encodeHandshake.
func FuzzHandshakeWriter(f *testing.F) {
	f.Add("User-Agent", "Mozilla <5>", "Cookie", "a=1", "q", "v", "[::1]:80", "/u?a=1&b=2", 1.5, int64(1795450179336), 3)
	f.Add("host", "x", "Host", "", "", "\xff", "nonsense", "\u2028", math.MaxFloat64, int64(-1), 0)
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2, q, v, address, url string, number float64, issued int64, shape int) {
		h := &socket.Handshake{
			Headers: map[string]any{n1: v1, n2: []string{v2, v1}},
			Address: address, Url: url, Issued: issued, Xdomain: shape&1 > 0, Secure: shape&2 > 0,
			Query: map[string]any{q: []string{v}[:1-shape>>2&1], n1: []string{v, v1}},
			Auth:  map[string]any{v: number, n2: []any{v1, nil, map[string]any{q: v}}},
		}
		var w handshakeWriter
		have, ok := w.append(nil, h, v1)
		if !ok {
			return
		}
		want, err := encodeHandshake(h, v1)
		if err != nil || string(have) != string(want.Text) {
			t.Fatalf("have %s\nwant %s, %v", have, want.Text, err)
		}
	})
}

// FuzzHandshakeReader compares the reader with decodeHandshake, for three
// handshakes that may have something in common.
func FuzzHandshakeReader(f *testing.F) {
	reference, err := os.ReadFile("testdata/handshake.json")
	if err != nil {
		f.Fatal(err)
	}
	one, _ := encodeHandshake(siotest.Browser(1), "h")
	two, _ := encodeHandshake(siotest.Browser(2), "h")
	f.Add(string(one.Text), string(two.Text))
	f.Add(string(reference), string(one.Text))
	f.Add(`{"headers":{"a":"1","a":"9"}}`, `{"headers":{"a":"3","a":"9"}}`)
	for _, text := range []string{
		``, `null`, `[]`, `3`, `{`, `{}`, `{"headers":1,"auth":"token","issued":"x","secure":1,"query":null,"time":{}}`,
		`{"headers":{"a":"1","a":"2"},"headers":{"b":null}}`, `{"headers":{"a":"1","b":"2"},"query":{"a":["x",{"y":[]}]}}`,
		`{"headers":{"a":"2","a":"2"}}`, `{"\u0068eaders":{"\u0061":"\u0031","a":"\ud83d"}}`, "{\"time\":\"\xff\"}",
		`{"issued":1e400}`, `{"issued":-0,"auth":{"n":-0,"m":1e22}}`, `{"issued":1.9,"x":[1,2,{"y":1e400}]}`, `{"time":"a","time":1}`, ` {"secure":true} x`,
	} {
		f.Add(text, `{"headers":{"a":"1","b":"2"}}`)
		f.Add(`{"headers":{"a":"1","b":"3"}}`, text)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		var r handshakeReader
		var c copier
		var have []*socket.Handshake
		texts := []string{one, two, strings.ReplaceAll(one, "1", "2"), one}
		for _, text := range texts {
			h, err := r.read(core.Payload{Text: []byte(text)})
			_, wantErr := decodeHandshake(core.Payload{Text: []byte(text)})
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("error %v, want %v", err, wantErr)
			}
			have = append(have, c.described(h, ""))
		}
		for i, text := range texts { // at the end: none may have changed another
			read, _ := decodeHandshake(core.Payload{Text: []byte(text)})
			want := new(copier).described(read, "")
			if !reflect.DeepEqual(have[i], want) {
				t.Fatalf("%d of %q:\nhave %#v\nwant %#v", i, texts, have[i], want)
			}
			siotest.Spoil(have[i])
		}
	})
}

func FuzzDecodeData(f *testing.F) {
	for _, text := range []string{``, `{}`, ` {}`, `null`, `[]`, `{"a":[1,"x",null,true,{}]}`, `{`, `1e400`, "\"\xff\"", `"\ud83d"`, `1 2`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := core.Payload{Text: []byte(text)}
		want, wantErr := siovalue.Decode(p, siovalue.AsBuffer)
		have, err := decodeData(p)
		if !reflect.DeepEqual(have, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("have %#v, %v\nwant %#v, %v", have, err, want, wantErr)
		}
	})
}
