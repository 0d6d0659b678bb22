package compat

import (
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestTLS: the same over https and wss.
func TestTLS(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serveTLS(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			n.add("secure %v", c.Handshake().Secure)
			echoes(c, n)
		})
		c := s.connect("a", v.as(nil))
		c.call("echo", "text", bin("AQID"))
		s.io.Emit("all", 1)
		c.wait("all", 1)
		c.leave()
	})
}
