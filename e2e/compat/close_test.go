package compat

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// ends has a server whose clients can ask for an end, and which writes down what it
// hears of it.
func ends(s *stage) {
	s.serve(nil)
	s.welcome("/", func(c *socket.Socket, n *notes) {
		_ = c.On("leave", func(...any) { c.Disconnect(false) })
		_ = c.On("hang up", func(...any) { c.Disconnect(true) })
		_ = c.On("disconnecting", func(values ...any) {
			n.add("disconnecting in %d rooms, connected %v", c.Rooms().Len(), c.Connected())
		})
		c.Join("r")
	})
}

// TestClientDisconnects: both sides know why.
func TestClientDisconnects(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		ends(s)
		c := s.connect("a", v.as(nil))
		c.leave()
	})
}

// TestConnectionDrops: the connection ends without a word.
func TestConnectionDrops(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		ends(s)
		c := s.connect("a", v.as(nil))
		c.do("drop", nil)
		c.sees("disconnect")
		s.notesOf("server of a").await(s, "disconnect ")
	})
}

// serverGoes: the server's packet and the end of the connection come close together.
// Which of them ends the client's engine is open. That the packet comes, and that the
// client reports it alone, is not; but the host may hang up before it has sent what
// waits, and by polling it sends both at once.
func (s *stage) serverGoes() {
	s.either("^engine: close .*$", "engine: close")
	s.forgive(`^(disconnect (transport close|io server disconnect)\n)+`, "disconnect io server disconnect\n")
}

// TestServerDisconnects one namespace, or hangs up altogether.
func TestServerDisconnects(t *testing.T) {
	for _, event := range []string{"leave", "hang up"} {
		t.Run(event, func(t *testing.T) {
			runVariants(t, func(s *stage, v variant) {
				ends(s)
				s.serverGoes()
				c := s.connect("a", v.as(nil))
				c.emit(event)
				c.sees("disconnect")
				s.notesOf("server of a").await(s, "disconnect ")
				c.feels("close")
			})
		})
	}
}

// TestDisconnectSockets reaches all sockets of a room.
func TestDisconnectSockets(t *testing.T) {
	for _, hangUp := range []bool{false, true} {
		t.Run(map[bool]string{false: "leave", true: "hang up"}[hangUp], func(t *testing.T) {
			runVariants(t, func(s *stage, v variant) {
				ends(s)
				s.serverGoes()
				c := s.connect("a", v.as(nil))
				s.io.In("r").DisconnectSockets(hangUp)
				c.sees("disconnect")
				s.notesOf("server of a").await(s, "disconnect ")
				c.feels("close")
			})
		})
	}
}

// TestServerCloses: the whole server ends, and says so to clients that poll, too. The
// host leaves some polls without an answer, and their clients notice when its ports are
// closed.
func TestServerCloses(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		ends(s)
		s.forgive(`^error .*\n`, "")
		s.forgive("transport error$", "transport close")
		c := s.connect("a", v.as(nil))
		if slices.Equal(v.transports, list{"polling"}) {
			s.engine().Clients().Range(func(sid string, _ engine.Socket) bool {
				s.awaitWritable(sid)
				return true
			})
		}
		s.io.Close(nil)
		s.notesOf("server of a").await(s, "disconnect ")
		if !s.path.exact {
			s.web.CloseClientConnections()
		}
		c.sees("disconnect")
	})
}

// TestClosedServer lets nobody in: those who poll and WebSockets get 503, whether they
// begin or want to upgrade. The host still lets them in.
func TestClosedServer(t *testing.T) {
	run(t, func(s *stage) {
		s.ownRecord()
		s.serve(nil)
		s.errorNotes()
		r := s.raw("client")
		r.get("EIO=4&transport=polling")
		session := "EIO=4&sid=" + r.sid + "&transport="
		waiting := r.hang(session + "polling")
		s.awaitWritable(r.sid)
		s.io.Close(nil)
		if !s.path.exact {
			s.web.CloseClientConnections() // which some versions leave waiting
			return
		}
		waiting()
		r.get(session + "polling")
		r.post(session+"polling", "40")
		r.tryDial(session + "websocket")
		r.get("EIO=4&transport=polling")
		r.tryDial("EIO=4&transport=websocket")
	})
}

// TestLastEvents: npm's clients go with events on the way, while the first of them is
// still being handled. All are handled, in order, before the server is told that they
// have gone. The host alone loses them.
func TestLastEvents(t *testing.T) {
	for _, way := range []string{"disconnect", "drop"} {
		t.Run(way, func(t *testing.T) {
			for _, v := range variants {
				t.Run(v.name, func(t *testing.T) {
					runExact(t, func(s *stage) {
						release := make(chan struct{})
						s.serve(nil)
						s.welcome("/", func(c *socket.Socket, n *notes) {
							c.Use(func(_ []any, next func(error)) { next(nil) })
							_ = c.On("number", func(values ...any) {
								if values[0] == 0.0 {
									<-release
								}
								n.add("number %v in %d rooms", values[0], c.Rooms().Len())
							})
							_ = c.On("disconnecting", func(...any) { n.add("disconnecting in %d rooms", c.Rooms().Len()) })
						})
						c := s.connect("a", v.as(nil))
						n := s.notesOf("server of a")
						c.do("burst", args{"event": "number", "count": 100})
						c.do(way, nil)
						for deadline := time.Now().Add(patience); s.engine().ClientsCount() > 0; time.Sleep(time.Millisecond) {
							if time.Now().After(deadline) {
								s.Fatal("the connection does not end")
							}
						}
						if n.has("disconnect") {
							s.Error("told of the end before the events are handled")
						}
						close(release)
						n.await(s, "disconnect ")
						want := "= server of a\n"
						for i := range 100 {
							want += fmt.Sprintf("number %d in 1 rooms\n", i)
						}
						reason := map[string]string{"disconnect": "client namespace disconnect", "drop": "transport close"}[way]
						want += "disconnecting in 1 rooms\ndisconnect " + reason + "\n"
						if got := n.transcript(); got != want {
							s.Error(difference(want, got))
						}
					})
				})
			}
		})
	}
}

// TestConnectTimeout: who asks for no namespace has to go.
func TestConnectTimeout(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(func(o *socket.ServerOptions) { o.SetConnectTimeout(100 * time.Millisecond) })
		w := s.raw("websocket").dial("EIO=4&transport=websocket")
		w.read()
		w.read()
	})
}
