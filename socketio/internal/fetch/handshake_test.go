package fetch

import (
	"os"
	"reflect"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

func TestEncodeHandshake(t *testing.T) {
	p, err := encodeHandshake(&socket.Handshake{
		Headers: types.IncomingHttpHeaders{"User-Agent": []string{"x"}, "Accept": []string{"a", "b"}, "Cookie": []string{"c=1", "d=2"}, "odd": "text"},
		Time:    "now", Address: "[::1]:5000", Xdomain: true, Secure: true, Issued: 1795450179336, Url: "/u",
		Query: types.ParsedUrlQuery{"one": []string{"1"}, "two": []string{"1", "2"}, "none": []string{}},
	}, "example.org:3000")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"address":"::1","auth":{},"headers":{"accept":"a, b","cookie":"c=1; d=2","host":"example.org:3000","odd":"text","user-agent":"x"},` +
		`"issued":1795450179336,"query":{"none":[],"one":"1","two":["1","2"]},"secure":true,"time":"now","url":"/u","xdomain":true}`
	if string(p.Text) != want {
		t.Errorf("got  %s\nwant %s", p.Text, want)
	}
}

// TestDecodeHandshakeOfTheReference reads one as a reference server sent it.
func TestDecodeHandshakeOfTheReference(t *testing.T) {
	data, err := os.ReadFile("testdata/handshake.json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := decodeHandshake(core.Payload{Text: data})
	if err != nil {
		t.Fatal(err)
	}
	h := new(copier).described(d, "")
	want := &socket.Handshake{
		Headers: types.IncomingHttpHeaders{
			"Sec-Websocket-Version": []string{"13"}, "Sec-Websocket-Key": []string{"ACz/z9lKBSJMtfM0lUnvKA=="}, "Connection": []string{"Upgrade"},
			"Upgrade": []string{"websocket"}, "Sec-Websocket-Extensions": []string{"permessage-deflate; client_max_window_bits"}, "Host": []string{"127.0.0.1:23807"},
		},
		Time: "2026-11-23T16:09:39Z", Address: "127.0.0.1:0", Issued: 1795450179336, Url: "/socket.io/?a=1&EIO=4&transport=websocket",
		Query: types.ParsedUrlQuery{"a": []string{"1"}, "EIO": []string{"4"}, "transport": []string{"websocket"}},
		Auth:  map[string]any{"user": "é"},
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("have %+v\nwant %+v", h, want)
	}
}

// TestShapeOfHandshakes: what a description has lost is made as like a local handshake
// as can be.
func TestShapeOfHandshakes(t *testing.T) {
	for _, test := range []struct {
		text, address string
		want          *socket.Handshake
	}{
		{`{}`, "", &socket.Handshake{}},
		{`{"address":"::1"}`, "", &socket.Handshake{Address: "[::1]:0"}},
		{`{"address":"::1"}`, "[::1]:80", &socket.Handshake{Address: "[::1]:80"}},
		{`{"address":"10.0.0.1:5"}`, "", &socket.Handshake{Address: "10.0.0.1:5"}},
		{`{"headers":{"x-a":"1","X-A":"2","set-cookie":["a","b"],"host":"h","odd":[1],"n":7}}`, "",
			&socket.Handshake{Headers: map[string]any{"X-A": []string{"1"}, "Set-Cookie": []string{"a", "b"}, "Host": []string{"h"}, "Odd": []any{1.0}, "N": 7.0}}},
		{`{"headers":{"host":"h"},"query":{"a":"1","b":["1","2"],"c":[],"d":{"e":"f"}}}`, "1.2.3.4:5",
			&socket.Handshake{Address: "1.2.3.4:5", Query: map[string]any{"a": []string{"1"}, "b": []string{"1", "2"}, "c": []string{}, "d": map[string]any{"e": "f"}}}},
		{`{"time":"Mon Nov 23 2026 17:09:39 GMT+0100 (CET)","auth":{"a":[{"b":1}]}}`, "", &socket.Handshake{Time: "2026-11-23T17:09:39+01:00", Auth: map[string]any{"a": []any{map[string]any{"b": 1.0}}}}},
		{`{"query":{"EIO":"3"},"auth":{"a":["1"],"b":"2"}}`, "", &socket.Handshake{Query: map[string]any{"EIO": []string{"3"}}, Auth: map[string]any{"a": []string{"1"}, "b": []string{"2"}}}},
		{`{"time":"2026-11-23T17:09:39+01:00"}`, "", &socket.Handshake{Time: "2026-11-23T17:09:39+01:00"}},
		{`{"time":"Mon nonsense"}`, "", &socket.Handshake{Time: "Mon nonsense"}},
	} {
		for _, members := range []*map[string]any{(*map[string]any)(&test.want.Headers), (*map[string]any)(&test.want.Query), &test.want.Auth} {
			if *members == nil {
				*members = map[string]any{}
			}
		}
		var r handshakeReader
		d, err := r.read(core.Payload{Text: []byte(test.text)})
		if err != nil {
			t.Fatal(err)
		}
		own := new(copier).described(d, test.address)
		if !reflect.DeepEqual(own, test.want) {
			t.Errorf("%s:\nhave %#v\nwant %#v", test.text, own, test.want)
		}
	}
}

// TestCloneValue: lists, maps and buffers are copied, whatever their type.
func TestCloneValue(t *testing.T) {
	type own struct{ N int }
	circle := map[string]any{}
	circle["self"] = circle
	cloneValue(circle, 0)
	pointer := &own{1}
	buffer := types.NewBytesBufferString("read on")
	_, _ = buffer.ReadByte()
	value := map[string]any{
		"list": []any{1.0, []any{"x"}, nil}, "bytes": []byte("b"), "buffer": buffer, "text": types.NewStringBufferString("t"),
		"strings": []string{"a"}, "map": map[string]int{"a": 1}, "deep": map[string][]any{"a": {map[string]any{"b": 1}}}, "nil": []string(nil), "p": pointer,
		"maps": []map[string]any{{"a": 1}, nil}, "arrays": [][]int{{1}},
	}
	copied := cloneValue(value, 0).(map[string]any)
	if !reflect.DeepEqual(copied, value) {
		t.Fatalf("have %#v\nwant %#v", copied, value)
	}
	if copied["p"] != any(pointer) {
		t.Error("a pointer of the application's is copied")
	}
	copied["list"].([]any)[1].([]any)[0] = "y"
	copied["bytes"].([]byte)[0] = 'y'
	_, _ = copied["buffer"].(*types.BytesBuffer).ReadByte()
	copied["strings"].([]string)[0] = "y"
	copied["map"].(map[string]int)["a"] = 2
	copied["deep"].(map[string][]any)["a"][0].(map[string]any)["b"] = 2
	copied["maps"].([]map[string]any)[0]["a"] = 2
	copied["arrays"].([][]int)[0][0] = 2
	if got := cloneValue(value, 0); reflect.DeepEqual(got, copied) || got.(map[string]any)["list"].([]any)[1].([]any)[0] != "x" || string(value["bytes"].([]byte)) != "b" ||
		buffer.String() != "ead on" || value["strings"].([]string)[0] != "a" || value["map"].(map[string]int)["a"] != 1 ||
		value["deep"].(map[string][]any)["a"][0].(map[string]any)["b"] != 1 || value["maps"].([]map[string]any)[0]["a"] != 1 || value["arrays"].([][]int)[0][0] != 1 {
		t.Errorf("the original has changed: %#v", value)
	}
}

func TestDecodeHandshakeOfAnotherShape(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `3`, `{"headers":1,"auth":"token","issued":"x","secure":1,"query":null,"time":{}}`} {
		h, err := decodeHandshake(core.Payload{Text: []byte(text)})
		if err != nil || !reflect.DeepEqual(h, &description{}) {
			t.Errorf("%s: %+v, %v", text, h, err)
		}
	}
	if h, err := decodeHandshake(core.Payload{Text: []byte(`{`)}); err == nil || h == nil {
		t.Errorf("malformed: %v, %v", h, err)
	}
}
