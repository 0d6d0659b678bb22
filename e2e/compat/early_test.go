package compat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestEarlyEvents come right behind the server's answer to CONNECT, from a client
// that waits for nothing else. The host may not be ready for them, and hang up.
func TestEarlyEvents(t *testing.T) {
	const total = 100
	run(t, func(s *stage) {
		s.serve(nil)
		s.io.On("connection", func(values ...any) {
			c := values[0].(*socket.Socket)
			_ = c.On("early", func(values ...any) { c.Emit("early", values...) })
		})
		r := s.raw("fast")
		answered := 0
		for range total {
			if s.early(r) {
				answered++
			}
		}
		r.add("%d of %d answered", answered, total)
		s.forgive(`^\d+ of 100 answered$`, "100 of 100 answered")
		if answered < total*9/10 {
			s.Errorf("%d of %d answered", answered, total)
		}
	})
}

// early connects without a pause, sends an event at once, and tells whether that
// was answered.
func (s *stage) early(r *raw) bool {
	s.Helper()
	w := r.quietly().dial("EIO=4&transport=websocket")
	defer w.conn.Close()
	w.send("40")
	stall := time.Second
	if s.path.exact {
		stall = patience
	}
	for {
		text := w.readWithin(stall)
		switch {
		case strings.HasPrefix(text, "40"):
			w.send(`42["early",1]`)
		case strings.HasPrefix(text, `42["early"`):
			return true
		case !strings.HasPrefix(text, "0"):
			return false
		}
	}
}

// TestLastWords: a thousand packets, and then the connection is closed. All of them
// arrive; the host alone loses what it has not sent by then.
func TestLastWords(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			run(t, func(s *stage) {
				const total = 1000
				s.serve(nil)
				s.serverGoes()
				s.welcome("/", func(c *socket.Socket, n *notes) {
					_ = c.On("go", func(...any) {
						for i := range total {
							c.Emit("word", i)
						}
						c.Disconnect(true)
					})
				})
				o := v.as(nil)
				o.series = list{"word"}
				c := s.connect("a", o)
				c.emit("go")
				c.sees("disconnect")
				c.do("tally", args{"event": "word"})
				all := fmt.Sprintf("%d word in order", total)
				s.forgive(`^\d+ word in order$`, all)
			})
		})
	}
}
