package compat

import (
	"errors"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestAcknowledgements of the server's events: by one client and by many, with and
// without answers in time.
func TestAcknowledgements(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		sockets := map[string]*socket.Socket{}
		s.welcome("/", func(c *socket.Socket, n *notes) { sockets[nameOf(c)] = c })
		n := s.notes("acknowledgements")
		note := func(what string) (socket.Ack, func()) {
			done := make(chan struct{})
			return func(values []any, err error) {
					n.add("%s: %s %v", what, show(values...), err)
					close(done)
				}, func() {
					select {
					case <-done:
					case <-time.After(patience):
						s.Errorf("%s: no answer", what)
					}
				}
		}
		a, b, mute := s.connect("a", v.as(nil)), s.connect("b", v.as(nil)), s.connect("mute", v.as(nil))
		for _, c := range []*client{a, b} {
			c.answer("q", "yes", 1)
			c.answer("one", "only")
			c.answer("none")
		}

		ack, wait := note("one client")
		sockets["a"].EmitWithAck("q", "x")(ack)
		wait()
		ack, wait = note("one client, with a timeout")
		sockets["a"].Timeout(patience).EmitWithAck("q")(ack)
		wait()
		ack, wait = note("one client that is mute")
		sockets["mute"].Timeout(50 * time.Millisecond).EmitWithAck("q")(ack)
		wait()
		ack, wait = note("no values")
		sockets["a"].EmitWithAck("none")(ack)
		wait()
		ack, wait = note("two clients")
		s.io.Except(socket.Room(sockets["mute"].Id())).Timeout(patience).EmitWithAck("one")(ack)
		wait()
		ack, wait = note("two and one that is mute")
		s.io.Timeout(200 * time.Millisecond).EmitWithAck("one")(ack)
		wait()
		ack, wait = note("nobody")
		s.io.To("empty").Timeout(patience).EmitWithAck("one")(ack)
		wait()
		for _, c := range []*client{a, b, mute} {
			c.leave()
		}
	})
}

// TestClientTimeouts: the server does not answer in time, or late, or at all.
func TestClientTimeouts(t *testing.T) {
	for _, v := range variants {
		if v.version != 4 {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(nil)
				s.welcome("/", func(c *socket.Socket, n *notes) {
					_ = c.On("mute", func(...any) {})
					_ = c.On("quick", func(values ...any) { values[0].(socket.Ack)([]any{nil, "quick"}, nil) })
					_ = c.On("twice", func(values ...any) {
						values[0].(socket.Ack)([]any{1}, nil)
						values[0].(socket.Ack)([]any{2}, nil)
					})
					_ = c.On("fails", func(values ...any) { values[0].(socket.Ack)(nil, errors.New("lost on the way")) })
				})
				c := s.connect("a", v.as(nil))
				c.callWith(args{"timeout": 50}, "mute")
				c.callWith(args{"timeout": patience.Milliseconds()}, "quick")
				c.call("twice")
				c.call("fails")
				c.leave()
			})
		})
	}
}
