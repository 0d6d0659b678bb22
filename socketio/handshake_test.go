package socketio

import (
	"encoding/json"
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
	h, err := decodeHandshake(core.Payload{Text: data})
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(map[string]any(h.Headers), want["headers"]) || !reflect.DeepEqual(map[string]any(h.Query), want["query"]) ||
		!reflect.DeepEqual(map[string]any(h.Auth), want["auth"]) || h.Time != want["time"] || h.Issued != 1795450179336 ||
		h.Address != "127.0.0.1" || h.Url != want["url"] || h.Secure || h.Xdomain {
		t.Errorf("got %+v", h)
	}
}

func TestDecodeHandshakeOfAnotherShape(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `3`, `{"headers":1,"auth":"token","issued":"x","secure":1,"query":null,"time":{}}`} {
		h, err := decodeHandshake(core.Payload{Text: []byte(text)})
		if err != nil || !reflect.DeepEqual(h, &socket.Handshake{}) {
			t.Errorf("%s: %+v, %v", text, h, err)
		}
	}
	if h, err := decodeHandshake(core.Payload{Text: []byte(`{`)}); err == nil || h == nil {
		t.Errorf("malformed: %v, %v", h, err)
	}
}
