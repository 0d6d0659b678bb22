package compat

import (
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestNoRecovery: without the option, a client that comes back is a new one.
func TestNoRecovery(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) { n.add("recovered %v", c.Recovered()) })
		c := s.connect("a", options{})
		c.do("drop", nil)
		c.sees("disconnect")
		c.do("again", nil)
		c.wait("ready", 2)
	})
}

// TestRecovery: with the option, a client that comes back in time has its rooms,
// its data, and what was sent meanwhile. The mesh keeps no sessions: there, a client
// is told that it is a new one, and nothing else is different.
func TestRecovery(t *testing.T) {
	run(t, func(s *stage) {
		s.either(`"[0-9A-Za-z_-]{7}(\.\d+)?"`, "<offset>")
		s.ownRecord()
		s.serve(func(o *socket.ServerOptions) {
			recovery := socket.DefaultConnectionStateRecovery()
			recovery.SetMaxDisconnectionDuration(patience.Milliseconds())
			o.SetConnectionStateRecovery(recovery)
		})
		s.welcome("/", func(c *socket.Socket, n *notes) {
			n.add("recovered %v, data %v, in r %v", c.Recovered(), c.Data(), c.Rooms().Has("r"))
			if !c.Recovered() {
				c.Join("r")
				c.SetData("mine")
			}
		})
		c := s.connect("a", options{})
		s.io.Emit("first")
		c.wait("first", 1)
		c.do("drop", nil)
		c.sees("disconnect")
		s.notesOf("server of a").await(s, "disconnect")
		s.io.To("r").Emit("missed", 1)
		s.io.Emit("missed", 2)
		s.io.To("other").Emit("not for it")
		s.io.Volatile().Emit("not kept")
		c.do("again", nil)
		if s.path.name == "host" {
			c.wait("missed", 2)
		} else {
			c.wait("ready", 2)
		}
		s.io.To("r").Emit("last")
		c.wait("last", 1)
	})
}
