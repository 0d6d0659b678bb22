package sioparser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// frames tells texts from attachments.
func frames(buffers []types.BufferInterface) string {
	var b strings.Builder
	for _, f := range buffers {
		_, text := f.(*types.StringBuffer)
		fmt.Fprintf(&b, "%v %q\n", text, f.Bytes())
	}
	return b.String()
}

// TestEncoder: packets are written as the library writes them.
func TestEncoder(t *testing.T) {
	id := new(uint64(1234567890123456789))
	connect := &struct {
		Sid string `json:"sid"`
		Pid string `json:"pid,omitempty"`
	}{Sid: "s"}
	for _, p := range []*parser.Packet{
		{Type: parser.CONNECT}, {Type: parser.CONNECT, Data: connect}, {Type: parser.CONNECT, Nsp: "/chat", Data: connect},
		{Type: parser.DISCONNECT}, {Type: parser.DISCONNECT, Nsp: "/chat"},
		{Type: parser.CONNECT_ERROR, Data: map[string]any{"message": "no <b>", "data": 1}}, {Type: parser.CONNECT_ERROR, Nsp: "/x", Data: "text"},
		{Type: parser.CONNECT_ERROR, Data: map[string]any{"message": "no", "data": []byte("bytes")}},
		{Type: parser.EVENT, Data: []any{"e"}}, {Type: parser.EVENT, Nsp: "/", Data: []any{"e", 1, nil}}, {Type: parser.EVENT, Nsp: "/chat", Id: id, Data: []any{"e"}},
		{Type: parser.EVENT, Data: []any{"e", []byte("a"), map[string]any{"x": types.NewBytesBufferString("b")}}},
		{Type: parser.EVENT, Nsp: "/chat é", Id: id, Data: []any{"e", []byte{}}},
		{Type: parser.ACK, Id: id, Data: []any(nil)}, {Type: parser.ACK, Id: id, Data: []any{}}, {Type: parser.ACK, Nsp: "/n", Id: id, Data: []any{1, "x"}},
		{Type: parser.ACK, Nsp: "/n", Id: id, Data: []any{[]byte("a")}},
		{Type: parser.BINARY_EVENT, Attachments: new(uint64(1)), Data: []any{"e", &parser.Placeholder{Placeholder: true}}},
		{Type: parser.BINARY_ACK, Attachments: new(uint64(12)), Nsp: "/n", Id: id, Data: []any{}},
	} {
		have := frames(new(Encoder).Encode(p))
		if want := frames(parser.NewEncoder().Encode(p)); have != want {
			t.Errorf("%v:\nhave %s\nwant %s", p, have, want)
		}
	}
}

// TestEncoderOfRefusals: a refusal without data says nothing of it.
func TestEncoderOfRefusals(t *testing.T) {
	p := &parser.Packet{Type: parser.CONNECT_ERROR, Data: map[string]any{"message": "no", "data": nil}}
	if got, want := frames(new(Encoder).Encode(p)), "true \"4{\\\"message\\\":\\\"no\\\"}\"\n"; got != want {
		t.Errorf("have %s, want %s", got, want)
	}
}

// TestEncoderRefuses: of a packet that cannot be encoded nothing is sent; but a client
// that is refused hears why.
func TestEncoderRefuses(t *testing.T) {
	for _, test := range []struct {
		packet *parser.Packet
		place  string
		frames string
	}{
		{&parser.Packet{Type: parser.EVENT, Data: []any{"e", []byte("x"), map[string]any{"x": 1i}}}, `root[2].x`, ""},
		{&parser.Packet{Type: parser.ACK, Data: []any{func() {}, 1i}}, `root[1]`, ""},
		{&parser.Packet{Type: parser.CONNECT_ERROR, Data: map[string]any{"message": "no", "data": 1i}}, `root.data`, "true \"4{\\\"message\\\":\\\"no\\\"}\"\n"},
		{&parser.Packet{Type: parser.CONNECT_ERROR, Data: 1i}, `root`, "true \"4{\\\"message\\\":\\\"\\\"}\"\n"},
	} {
		var e Encoder
		if got := frames(e.Encode(test.packet)); got != test.frames {
			t.Errorf("%v: sent %s", test.packet, got)
		}
		var place string
		e.OnRefused(func(p *parser.Packet, err *siovalue.Error) {
			if p == test.packet {
				place = err.Place("root")
			}
		})
		e.Encode(test.packet)
		if place != test.place {
			t.Errorf("%v: at %q", test.packet, place)
		}
	}
}

func TestPlain(t *testing.T) {
	for encoder, want := range map[parser.Encoder]bool{parser.NewEncoder(): true, new(Encoder): true, foreignEncoder{}: false} {
		if Plain(encoder) != want {
			t.Errorf("%T: %v", encoder, !want)
		}
	}
}

type foreignEncoder struct{ parser.Encoder }

func BenchmarkEncoder(b *testing.B) {
	for name, data := range map[string][]any{
		"text":   {"msg", strings.Repeat("x", 100)},
		"object": {"message", map[string]any{"room": "general", "text": "How are you?", "at": 1700000000000, "tags": []any{"a", "b"}}},
		"struct": {"message", struct {
			Room, Text string
			At         int64
			Tags       []string
		}{"general", "How are you?", 1700000000000, []string{"a", "b"}}},
		"binary": {"blob", make([]byte, 4096)},
	} {
		for i, e := range []parser.Encoder{parser.NewEncoder(), new(Encoder)} {
			b.Run(name+"/"+[]string{"library", "own"}[i], func(b *testing.B) {
				b.ReportAllocs()
				p := &parser.Packet{Type: parser.EVENT, Data: data}
				for b.Loop() {
					e.Encode(p)
				}
			})
		}
	}
}
