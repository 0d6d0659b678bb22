package socketio

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/wsaccept"
)

// TestFirstClient: a server's first client takes the way of all others, whichever it
// is, and it is one connection to all who listen.
func TestFirstClient(t *testing.T) {
	for _, test := range []struct {
		name string
		come func(t *testing.T, s *server)
	}{
		{"websocket", func(t *testing.T, s *server) { s.connect(s.dial("EIO=4")) }},
		{"websocket of revision 3", func(t *testing.T, s *server) {
			c := s.dial("EIO=3")
			if got := c.next(); got != text("0") {
				t.Errorf("got %v", got)
			}
		}},
		{"polling", func(t *testing.T, s *server) { s.polling() }},
		{"polling, and upgraded", func(t *testing.T, s *server) {
			p, sock := s.polling()
			w := p.probe()
			if got := p.get(); got != "6" {
				t.Fatal(got)
			}
			w.say("5")
			eventually(t, "upgraded", func() bool { return transportOf(sock.Conn()) != nil })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := socket.DefaultServerOptions()
			options.SetAllowEIO3(true)
			s := serveWith(t, options, lonely{})
			var mu sync.Mutex
			var connections []engine.Socket
			_ = s.Engine().On("connection", func(args ...any) {
				mu.Lock()
				defer mu.Unlock()
				connections = append(connections, args[0].(engine.Socket))
			})
			sockets := make(chan *socket.Socket, 10)
			_ = s.On("connection", func(args ...any) { sockets <- args[0].(*socket.Socket) })
			test.come(t, s)
			first := within(t, sockets)
			mu.Lock()
			defer mu.Unlock()
			if len(connections) != 1 || connections[0] != first.Conn() {
				t.Fatalf("connections %v", connections)
			}
			if wsaccept.Taken(first.Conn().Transport()) {
				t.Errorf("transport %T", first.Conn().Transport())
			}
			if !strings.HasPrefix(test.name, "polling") {
				if got := kindOf(first); got != "own transport, own session" {
					t.Error(got)
				}
			}
			if clients, count := s.Engine().Clients().Len(), s.Engine().ClientsCount(); clients != 1 || count != 1 {
				t.Errorf("%d clients, counted as %d", clients, count)
			}
			if n := s.Sockets().Sockets().Len(); n != 1 {
				t.Errorf("%d sockets", n)
			}
		})
	}
}

// TestFirstClients: many come at once when the acceptor is still closed.
func TestFirstClients(t *testing.T) {
	const each = 20
	s := serve(t, lonely{})
	var connections sync.Map
	_ = s.Engine().On("connection", func(args ...any) { connections.Store(args[0].(engine.Socket).Id(), true) })
	begin := make(chan struct{})
	var all sync.WaitGroup
	for range each {
		all.Go(func() {
			<-begin
			conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			if _, got, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(got), `0{`) {
				t.Errorf("got %q, %v", got, err)
			}
		})
		all.Go(func() {
			<-begin
			response, err := http.Get(s.http.URL + "/socket.io/?EIO=4&transport=polling")
			if err != nil {
				t.Error(err)
				return
			}
			_ = response.Body.Close()
		})
	}
	close(begin)
	all.Wait()
	eventually(t, "all connected", func() bool {
		n := 0
		connections.Range(func(any, any) bool { n++; return true })
		return n >= 2*each
	})
	own := 0
	s.Engine().Clients().Range(func(id string, conn engine.Socket) bool {
		if _, known := connections.Load(id); !known {
			t.Errorf("%s was not announced", id)
		}
		if wsaccept.Taken(conn.Transport()) {
			t.Errorf("%s has a transport that is closed", id)
		}
		if transportOf(conn) != nil {
			own++
		}
		return true
	})
	if clients, count := s.Engine().Clients().Len(), s.Engine().ClientsCount(); clients != 2*each || count != 2*each || own != each {
		t.Errorf("%d clients, counted as %d, of %d of whom the transport is ours", clients, count, own)
	}
}
