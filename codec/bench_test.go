package codec_test

import (
	"strings"
	"testing"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/core"
)

// typical are the five messages that are sent most in a mesh. The sizes in their names
// are those of what the application sent.
var typical = []codectest.Vector{
	{Name: "broadcast-100B", Message: codectest.Broadcast(core.Payload{
		Text: []byte(`["chat message",{"user":"é","text":"` + strings.Repeat("word ", 11) + `","n":1}]`)})},
	{Name: "broadcast-4KiB", Message: codectest.Broadcast(core.Payload{
		Text: []byte(`["chat message",{"text":"` + strings.Repeat("word ", 4096/5) + `"}]`)})},
	{Name: "binary-1KiB", Message: codectest.Broadcast(core.Payload{
		Text:        []byte(`["file",{"name":"x","data":{"_placeholder":true,"num":0}}]`),
		Attachments: [][]byte{make([]byte, 1024)}})},
	{Name: "sockets-10", Message: codectest.Response(10)},
	{Name: "ack", Message: &core.Message{
		Kind: core.KindBroadcastAck, From: "746b5745bee1accf", Namespace: "/", RequestID: "7b68208607ed344c",
		Payload: core.Payload{Text: []byte(`{"status":"ok"}`)}}},
}

// each runs a benchmark for every codec and typical message, under names that
// benchstat can compare: -col /codec -row /message. It reports the frame's size.
func each(b *testing.B, run func(b *testing.B, c core.Codec, m *core.Message, frame []byte)) {
	for _, s := range subjects {
		b.Run("codec="+s.Codec.Name(), func(b *testing.B) {
			for _, v := range typical {
				frame, err := s.Codec.Append(nil, v.Message)
				if err != nil {
					b.Fatal(err)
				}
				b.Run("message="+v.Name, func(b *testing.B) {
					b.ReportAllocs()
					run(b, s.Codec, v.Message, frame)
					b.ReportMetric(float64(len(frame)), "wire-bytes")
				})
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	each(b, func(b *testing.B, c core.Codec, m *core.Message, frame []byte) {
		dst := make([]byte, 0, 2*len(frame))
		for b.Loop() {
			if _, err := c.Append(dst, m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	each(b, func(b *testing.B, c core.Codec, _ *core.Message, frame []byte) {
		var m core.Message
		for b.Loop() {
			if err := c.Decode(frame, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
