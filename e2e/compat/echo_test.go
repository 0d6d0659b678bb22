package compat

import (
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestEcho: events and acknowledgements both ways, and what the server knows of
// the client.
func TestEcho(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			h := c.Handshake()
			n.add("xdomain %v, secure %v, EIO %s, transport %s", h.Xdomain, h.Secure, show(h.Query["EIO"]), show(h.Query["transport"]))
			_ = c.On("echo", func(values ...any) {
				ack := values[len(values)-1].(socket.Ack)
				values = values[:len(values)-1]
				n.add("echo %s", show(values...))
				ack(values, nil)
			})
			_ = c.On("again", func(values ...any) { c.Emit("again", values...) })
		})
		c := s.connect("a", v.as(nil))
		c.call("echo")
		c.call("echo", "one", 2, args{"three": list{nil, true, 0.5}})
		c.call("echo", "é комната 房间 🏠 \u2028")
		c.emit("again", "x", list{})
		c.wait("again", 1)
		c.leave()
	})
}
