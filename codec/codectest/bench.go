package codectest

import (
	"bytes"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// Bench measures Append and Decode of the most frequent messages.
func Bench(b *testing.B, c core.Codec) {
	for _, v := range []Vector{
		{"broadcast 100 B", Broadcast(text(`["chat message",{"user":"é","text":"` + string(bytes.Repeat([]byte("word "), 11)) + `","n":12345}]`))},
		{"broadcast 4 KiB", Broadcast(text(`["chat message",{"text":"` + string(bytes.Repeat([]byte("word "), 4096/5)) + `"}]`))},
		{"binary 64 KiB", Broadcast(binary(`["file",{"name":"x","data":%s}]`, make([]byte, 64<<10)))},
		{"response 100 sockets", Response(100)},
	} {
		src, err := c.Append(nil, v.Message)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("Append/"+v.Name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			dst := make([]byte, 0, 2*len(src))
			for b.Loop() {
				if _, err := c.Append(dst, v.Message); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("Decode/"+v.Name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				var m core.Message
				if err := c.Decode(src, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
