package compat

import (
	"slices"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestRooms: who gets what is sent to rooms, to several at once, and to all but
// some.
func TestRooms(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		sockets := map[string]*socket.Socket{}
		s.welcome("/", func(c *socket.Socket, n *notes) { sockets[nameOf(c)] = c })
		names := []string{"a", "b", "c", "d"}
		clients := map[string]*client{}
		for _, name := range names {
			clients[name] = s.connect(name, v.as(nil))
		}
		sockets["a"].Join("odd", "first")
		sockets["b"].Join("even")
		sockets["c"].Join("odd")
		sockets["d"].Join("even", "last")

		s.io.Emit("all")
		s.io.To("odd").Emit("odd")
		s.io.To("odd", "last").Emit("odd or last")
		s.io.To("odd").To("first").Emit("odd or first, once")
		s.io.Except("even").Emit("all but even")
		s.io.To("odd").Except("first").Emit("odd but first")
		s.io.To("nobody").Emit("nobody")
		s.io.To(socket.Room(sockets["b"].Id())).Emit("b by its id")
		sockets["a"].Broadcast().Emit("all but a")
		sockets["a"].To("odd").Emit("odd but a")
		sockets["a"].To("even").Except("last").Emit("even but last, by a")
		sockets["c"].Leave("odd")
		s.io.To("odd").Emit("odd without c")
		s.io.In("even").SocketsJoin("joined")
		s.io.To("joined").Emit("joined")
		s.io.In("last").SocketsLeave("even")
		s.io.To("even").Emit("even without d")
		s.io.Local().Emit("local")
		s.io.Volatile().To("even").Emit("volatile") // nothing waits: it arrives, or is lost to a poll that is not there
		s.io.Compress(true).Emit("end")
		s.either(`^event volatile\n`, "")
		for _, name := range names {
			clients[name].wait("end", 1)
			rooms := []string{}
			for _, room := range sockets[name].Rooms().Keys() {
				if room != socket.Room(sockets[name].Id()) {
					rooms = append(rooms, string(room))
				}
			}
			slices.Sort(rooms)
			s.notesOf("server of "+name).add("rooms %v", rooms)
		}
		s.fetch()
	})
}

// fetch writes down what FetchSockets tells. Data that was never set is an empty object
// from a mesh, as in Node, and nil from the library.
func (s *stage) fetch() {
	s.Helper()
	n := s.notes("fetched")
	done := make(chan struct{})
	s.io.In("odd", "even").FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
		defer close(done)
		var lines []string
		for _, r := range sockets {
			name, _ := r.Handshake().Query["as"].([]string)
			data := r.Data()
			if object, ok := data.(map[string]any); ok && len(object) == 0 {
				data = nil
			}
			lines = append(lines, show(name, r.Rooms().Has("odd"), r.Rooms().Has("even"), data))
		}
		slices.Sort(lines)
		for _, line := range lines {
			n.add("%s", line)
		}
		n.add("error %v", err)
	})
	select {
	case <-done:
	case <-time.After(patience):
		s.Error("FetchSockets: no answer")
	}
}

// TestVolatile: a client for which nothing else waits gets volatile packets.
func TestVolatile(t *testing.T) {
	for _, v := range variants {
		if len(v.transports) > 1 || v.transports[0] != "websocket" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(nil)
				sockets := types.Map[string, *socket.Socket]{}
				s.welcome("/", func(c *socket.Socket, n *notes) {
					sockets.Store(nameOf(c), c)
					_ = c.On("hint", func(...any) { n.add("hint") })
				})
				c := s.connect("a", v.as(nil))
				mine, _ := sockets.Load("a")
				s.awaitWritable(mine.Conn().Id())
				mine.Volatile().Emit("one")
				c.wait("one", 1)
				s.awaitWritable(mine.Conn().Id())
				s.io.Volatile().Emit("all")
				c.wait("all", 1)
				if v.version == 4 {
					c.emitWith(args{"volatile": true}, "hint")
					s.notesOf("server of a").await(s, "hint")
				}
				c.leave()
			})
		})
	}
}

// TestOrder: what one goroutine sends to a socket and to all arrives in that order,
// binary or not.
func TestOrder(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		const total = 1000
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			c.Join("r")
			_ = c.On("go", func(...any) {
				for i := range total {
					switch i % 4 {
					case 0:
						c.Emit("n", i)
					case 1:
						s.io.Emit("n", i)
					case 2:
						s.io.To("r").Emit("n", i, []byte{1})
					case 3:
						c.Emit("n", i, []byte{2}, "x", []byte{3})
					}
				}
			})
		})
		o := v.as(nil)
		o.series = list{"n"}
		c := s.connect("a", o)
		c.emit("go")
		c.tally("n", total)
		c.leave()
	})
}
