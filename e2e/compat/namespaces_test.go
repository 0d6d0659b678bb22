package compat

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestNamespaces: several on one connection; leaving one leaves the others alone.
func TestNamespaces(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		for _, nsp := range []string{"/", "/chat", "/admin"} {
			s.welcome(nsp, func(c *socket.Socket, n *notes) {
				n.add("auth %s", show(c.Handshake().Auth))
				_ = c.On("echo", func(values ...any) { values[len(values)-1].(socket.Ack)([]any{nsp, values[0]}, nil) })
				_ = c.On("kick", func(...any) { c.Disconnect(false) })
			})
		}
		main := s.connect("a", v.as(nil))
		chat := main.join("a's chat", "/chat", args{"token": "t"})
		admin := main.join("a's admin", "/admin", nil)
		main.call("echo", 1)
		chat.call("echo", 2)
		admin.call("echo", 3)
		s.io.Of("/chat", nil).Emit("news", "chat only")
		s.io.Emit("news", "main only")
		chat.wait("news", 1)
		main.wait("news", 1)
		chat.emit("kick")
		chat.sees("disconnect")
		admin.do("disconnect", nil)
		s.notesOf("server of a in /admin").await(s, "disconnect")
		main.call("echo", 4)
		main.leave()
	})
}

// TestInvalidNamespace: one that is not there is refused.
func TestInvalidNamespace(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		s.welcome("/", nil)
		o := v.as(nil)
		o.nsp, o.refused = "/nowhere", true
		s.connect("a", o)
		if v.version == 2 { // which has joined "/" before
			s.notesOf("server of a")
		}
	})
}

// TestDynamicNamespaces: parents with patterns and functions, whose children come
// into being with their first client.
func TestDynamicNamespaces(t *testing.T) {
	for _, v := range variants {
		if v.version != 4 {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(nil)
				greet := func(values ...any) {
					c := values[0].(*socket.Socket)
					n := s.notes("server of " + nameOf(c) + " in " + c.Nsp().Name())
					_ = c.On("disconnect", func(values ...any) { n.add("disconnect %v", values[0]) })
					_ = c.On("all", func(...any) { c.Nsp().Emit("all", c.Nsp().Name()) })
					c.Emit("ready")
				}
				byPattern := s.io.Of(regexp.MustCompile(`^/room-\d+$`), greet)
				byFunction := func(name string, auth map[string]any, next func(error, bool)) {
					next(nil, strings.HasPrefix(name, "/fn-"))
				}
				s.io.Of(socket.ParentNspNameMatchFn(&byFunction), greet)
				o := v.as(nil)
				o.nsp = "/room-1"
				one := s.connect("one", o)
				two := s.connect("two", o)
				o.nsp = "/fn-x"
				other := s.connect("other", o)
				one.emit("all")
				one.wait("all", 1)
				two.wait("all", 1)
				byPattern.Emit("parent", "to all children")
				one.wait("parent", 1)
				two.wait("parent", 1)
				other.emit("all")
				other.wait("all", 1)
				o.nsp, o.refused = "/room-x", true
				s.connect("refused", o)
			})
		})
	}
}

// TestAuth: what clients present, and where the server finds it.
func TestAuth(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			h := c.Handshake()
			n.add("auth %s, query x=%s, header x-token=%s", show(h.Auth), show(h.Query["x"]), show(h.Headers["X-Token"], h.Headers["x-token"]))
			n.add("url %s", strings.Split(h.Url, "?")[0])
		})
		c := s.connect("a", v.as(args{
			"auth": args{"token": "secret", "list": list{1, "two"}}, "query": args{"x": "1 &2"}, "extraHeaders": args{"x-token": "h"},
		}))
		c.leave()
	})
}
