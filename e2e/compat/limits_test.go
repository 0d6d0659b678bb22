package compat

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestTooLarge: what is above maxHttpBufferSize ends the connection. The host alone refuses
// a request that is too large, and does not say so to the application.
func TestTooLarge(t *testing.T) {
	limited := func(s *stage) {
		s.serve(func(o *socket.ServerOptions) { o.SetMaxHttpBufferSize(1000) })
		s.welcome("/", func(c *socket.Socket, n *notes) {
			_ = c.On("got", func(values ...any) {
				n.add("got %d bytes", len(values[0].(string)))
				c.Emit("got")
			})
			_ = c.Conn().On("close", func(values ...any) { n.add("engine closed: %v", values[0]) })
		})
	}
	t.Run("websocket", func(t *testing.T) {
		run(t, func(s *stage) {
			limited(s)
			w := s.raw("websocket").open4()
			w.send(`42["got","` + strings.Repeat("x", 900) + `"]`)
			w.read()
			w.send(`42["got","` + strings.Repeat("x", 1000) + `"]`)
			w.read()
			s.notesOf("server of ").await(s, "engine closed")
		})
	})
	t.Run("websocket exact", func(t *testing.T) {
		run(t, func(s *stage) {
			limited(s)
			w := s.raw("websocket").open4()
			w.send(`42["got","` + strings.Repeat("x", 1000-len(`42["got",""]`)) + `"]`)
			w.read()
			w.send(`42["got","` + strings.Repeat("x", 1001-len(`42["got",""]`)) + `"]`)
			w.read()
			s.notesOf("server of ").await(s, "engine closed")
		})
	})
	t.Run("polling", func(t *testing.T) {
		run(t, func(s *stage) {
			s.ownRecord()
			limited(s)
			r := s.raw("polling")
			r.get("EIO=4&transport=polling")
			session := "EIO=4&transport=polling&sid=" + r.sid
			r.post(session, "40")
			r.poll(session, "ready")
			r.post(session, `42["got","`+strings.Repeat("x", 900)+`"]`)
			r.poll(session, "got")
			r.post(session, `42["got","`+strings.Repeat("x", 1000)+`"]`)
			if s.path.name != "host" {
				s.notesOf("server of ").await(s, "engine closed")
			}
		})
	})
	t.Run("clients", func(t *testing.T) {
		for _, v := range variants {
			if len(v.transports) > 1 {
				continue
			}
			t.Run(v.name, func(t *testing.T) {
				run(t, func(s *stage) {
					if v.transports[0] == "polling" {
						s.ownRecord()
					}
					limited(s)
					c := s.connect("a", v.as(nil))
					c.emit("got", strings.Repeat("x", 5000))
					c.sees("disconnect")
					c.feels("close")
					s.notesOf("server of a").await(s, "engine closed")
				})
			})
		}
	})
}

// TestOpenPacket: what the server promises in its first packet.
func TestOpenPacket(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(func(o *socket.ServerOptions) {
			quickHeartbeat(o)
			o.SetMaxHttpBufferSize(12345)
			o.SetAllowUpgrades(false)
		})
		s.raw("polling").get("EIO=4&transport=polling")
		s.raw("websocket").dial("EIO=4&transport=websocket").read()
		r := s.raw("version 3")
		r.get("EIO=3&transport=polling")
		r.request(http.MethodGet, "EIO=3&transport=polling&b64=1", "")
	})
}
