package compat

import (
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// quickHeartbeat makes silence short, for a machine that may be busy.
func quickHeartbeat(o *socket.ServerOptions) {
	o.SetPingInterval(100 * time.Millisecond)
	o.SetPingTimeout(time.Second)
}

// TestHeartbeat: in version 4 the server pings, in version 3 the client does. Who
// is silent is given up; who pings in the wrong direction, too.
func TestHeartbeat(t *testing.T) {
	heartbeats := func(s *stage, counted int) {
		s.serve(quickHeartbeat)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			beats := 0
			_ = c.Conn().On("heartbeat", func(...any) {
				if beats++; beats <= counted {
					n.add("heartbeat")
				}
			})
			_ = c.Conn().On("close", func(values ...any) { n.add("engine closed: %v", values[0]) })
		})
	}
	closings := func(s *stage) *notes { // of the engine's connections, and why
		s.serve(nil)
		engine := s.notes("engine")
		s.welcome("/", func(c *socket.Socket, n *notes) {
			_ = c.Conn().On("close", func(values ...any) { engine.add("closed: %v, %v", values[0], values[1]) })
		})
		return engine
	}
	t.Run("4 websocket", func(t *testing.T) {
		t.Parallel()
		run(t, func(s *stage) {
			heartbeats(s, 2)
			w := s.raw("websocket").open4()
			for range 2 {
				w.read()
				w.send("3")
			}
			w.read()
			w.read() // silent from here on
			s.notesOf("server of ").await(s, "engine closed")
		})
	})
	t.Run("4 wrong direction", func(t *testing.T) {
		t.Parallel()
		run(t, func(s *stage) {
			engine := closings(s)
			w := s.raw("websocket").open4()
			w.send("2")
			w.read()
			engine.await(s, "closed")
		})
	})
	t.Run("4 polling", func(t *testing.T) {
		t.Parallel()
		run(t, func(s *stage) {
			heartbeats(s, 1)
			r := s.raw("polling")
			r.get("EIO=4&transport=polling")
			session := "EIO=4&transport=polling&sid=" + r.sid
			r.post(session, "40")
			r.poll(session, "ready")
			r.poll(session, "2")
			r.post(session, "3")
			r.poll(session, "2")
			s.notesOf("server of ").await(s, "engine closed")
			r.get(session)
		})
	})
	t.Run("3 websocket", func(t *testing.T) {
		t.Parallel()
		run(t, func(s *stage) {
			heartbeats(s, 2)
			w := s.raw("websocket").dial("EIO=3&transport=websocket")
			w.read()
			w.read()
			w.read()
			for range 2 {
				w.send("2")
				w.read()
			}
			w.read() // silent from here on
			s.notesOf("server of ").await(s, "engine closed")
		})
	})
	t.Run("3 wrong direction", func(t *testing.T) {
		t.Parallel()
		run(t, func(s *stage) {
			engine := closings(s)
			w := s.raw("websocket").dial("EIO=3&transport=websocket")
			w.read()
			w.read()
			w.read()
			w.send("3")
			w.read()
			engine.await(s, "closed")
		})
	})
	t.Run("3 polling", func(t *testing.T) {
		t.Parallel()
		run(t, func(s *stage) {
			heartbeats(s, 1)
			r := s.raw("polling")
			r.get("EIO=3&transport=polling")
			session := "EIO=3&transport=polling&sid=" + r.sid
			r.poll(session, "ready")
			r.post(session, "1:2")
			r.poll(session, "3")
			s.notesOf("server of ").await(s, "engine closed")
			r.get(session)
		})
	})
}

// TestClientsSurviveHeartbeats: npm's clients stay for many intervals, each in its
// own direction.
func TestClientsSurviveHeartbeats(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(quickHeartbeat)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			beats := 0
			_ = c.Conn().On("heartbeat", func(...any) {
				if beats++; beats == 8 {
					n.add("8 heartbeats")
					c.Emit("alive")
				}
			})
		})
		c := s.connect("a", v.as(nil))
		c.wait("alive", 1)
		c.leave()
	})
}
