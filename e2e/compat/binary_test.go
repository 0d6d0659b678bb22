package compat

import (
	"bytes"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// bin is bytes as the clients' driver takes them.
func bin(base64 string) args { return args{"$bin": base64} }

// echoes answers "echo" with its arguments, and emits them again at "again".
func echoes(c *socket.Socket, n *notes) {
	_ = c.On("echo", func(values ...any) {
		ack := values[len(values)-1].(socket.Ack)
		values = values[:len(values)-1]
		n.add("echo %s", show(values...))
		ack(values, nil)
	})
	_ = c.On("again", func(values ...any) {
		n.add("again %s", show(values...))
		c.Emit("again", values...)
	})
}

// TestBinary: one attachment and several, deep inside and empty, both ways and in
// acknowledgements.
func TestBinary(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			echoes(c, n)
			_ = c.On("send", func(...any) {
				c.Emit("bytes", []byte{1, 2, 3})
				c.Emit("buffers", types.NewBytesBuffer([]byte{4}), "between", types.NewBytesBuffer(nil))
				c.Emit("deep", map[string]any{"a": []any{map[string]any{"b": []byte{5, 6}}}, "c": bytes.Repeat([]byte{7}, 1000)})
				s.io.Emit("all", []byte{8}, []byte{9})
				s.io.Emit("text between", 10)
				c.Emit("question", []byte{11}, func(values []any, err error) { n.add("answer %s %v", show(values...), err) })
			})
		})
		c := s.connect("a", v.as(nil))
		c.answer("question", bin("DA=="), args{"x": bin("DQ==")})
		c.call("echo", bin("AQID"))
		c.call("echo", bin("AQID"), "between", bin("BAU="), bin(""))
		c.call("echo", args{"a": list{args{"b": bin("Bgc=")}}, "c": list{bin(""), list{bin("CA==")}}})
		c.emit("again", bin("CQ=="), 1, args{"d": bin("Cg==")})
		c.wait("again", 1)
		c.emit("send")
		c.wait("question", 1)
		s.notesOf("server of a").await(s, "answer")
		c.leave()
	})
}

// TestBigPayloads are just below what the server takes by default, a million bytes.
func TestBigPayloads(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		s.welcome("/", echoes)
		c := s.connect("a", v.as(nil))
		c.call("echo", strings.Repeat("0123456789", 90_000))
		c.call("echo", strings.Repeat("é漢🏠", 50_000))
		c.call("echo", bin(strings.Repeat("AAEC", 200_000)))
		c.call("echo", bin(strings.Repeat("AAEC", 50_000)), bin(strings.Repeat("AwQF", 50_000)), "and text")
		c.leave()
	})
}
