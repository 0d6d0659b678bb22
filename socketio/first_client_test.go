package socketio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio/internal/fastpath"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
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
			await.Condition(t, "upgraded", func() bool { return fastpath.TransportOf(sock.Conn()) != nil })
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
			first := await.Value(t, sockets)
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
			await.Condition(t, "the library has given up the client that was taken over", func() bool {
				return s.Engine().Clients().Len() == 1 && s.Engine().ClientsCount() == 1
			})
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
	await.Condition(t, "all connected", func() bool {
		n := 0
		connections.Range(func(any, any) bool { n++; return true })
		return n >= 2*each
	})
	await.Condition(t, "the library has given up the client that was taken over", func() bool {
		return s.Engine().Clients().Len() == 2*each && s.Engine().ClientsCount() == 2*each
	})
	own := 0
	s.Engine().Clients().Range(func(id string, conn engine.Socket) bool {
		if _, known := connections.Load(id); !known {
			t.Errorf("%s was not announced", id)
		}
		if wsaccept.Taken(conn.Transport()) {
			t.Errorf("%s has a transport that is closed", id)
		}
		if fastpath.TransportOf(conn) != nil {
			own++
		}
		return true
	})
	if own != each {
		t.Errorf("the transport of %d clients is ours, want %d", own, each)
	}
}

// TestFirstRequest: the first request of a server is answered as all later ones are: who
// is refused for its origin, or its version, or by the application, is refused in the
// same way, and headers of the application are in the answer.
func TestFirstRequest(t *testing.T) {
	if hostcompat.Running().Needs.AnswersAgain {
		t.Skip("this version of the library keeps the first request")
	}
	const ws, poll = "/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=polling"
	for name, request := range map[string]struct {
		path   string
		header http.Header
	}{
		"websocket":              {ws, nil},
		"polling":                {poll, nil},
		"another origin":         {ws, http.Header{"Origin": {"http://elsewhere"}}},
		"old version, websocket": {strings.Replace(ws, "4", "3", 1), nil},
		"old version, polling":   {strings.Replace(poll, "4", "3", 1), nil},
		"refused, websocket":     {ws + "&refused", nil},
		"refused, polling":       {poll + "&refused", nil},
	} {
		for _, how := range []string{"Configure", "SetAdapter"} {
			t.Run(name+", "+how, func(t *testing.T) {
				var log coretest.Log
				asked := 0
				options := socket.DefaultServerOptions()
				options.SetAllowRequest(func(ctx *types.HttpContext) error {
					asked++
					if ctx.Query().Has("refused") {
						return errors.New("not you")
					}
					return nil
				})
				c := New(lonely{}, WithLogger(log.Logger()))
				if how == "Configure" {
					if err := c.Configure(options); err != nil {
						t.Fatal(err)
					}
				}
				options.SetAdapter(c)
				s := start(t, options)
				var told []string
				_ = s.Engine().On("initial_headers", func(args ...any) { args[0].(*types.ParameterBag).Set("X-First", "1") })
				_ = s.Engine().On("connection_error", func(args ...any) {
					e := args[0].(*types.ErrorMessage)
					told = append(told, fmt.Sprint(e.Code, e.Message, e.Context))
				})
				answer := func() string {
					told, asked = nil, 0
					r, err := http.NewRequest(http.MethodGet, s.http.URL+request.path, nil)
					if err != nil {
						t.Fatal(err)
					}
					maps.Copy(r.Header, request.header)
					if strings.Contains(request.path, "websocket") {
						maps.Copy(r.Header, http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}})
					}
					response, err := http.DefaultTransport.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					defer response.Body.Close()
					var body []byte
					if response.StatusCode != http.StatusSwitchingProtocols {
						body, _ = io.ReadAll(response.Body)
						body, _, _ = bytes.Cut(body, []byte(`sid":`))
					}
					return fmt.Sprintf("%d %s; X-First %s; asked %d times; told %v", response.StatusCode, body, response.Header.Get("X-First"), asked, told)
				}
				first := answer()
				warned := log.Count("WARN", "")
				if later := answer(); first != later {
					t.Errorf("first %s\nlater %s", first, later)
				}
				if want := map[bool]int{true: 1}[request.header != nil]; warned != want {
					t.Errorf("%d warnings, log: %s", warned, log.String())
				}
				if strings.Contains(first, "101") != (name == "websocket") {
					t.Error(first)
				}
			})
		}
	}
}

// TestFirstOfNextServer: options with which a server was made make another one when that
// is closed, and the application is asked once.
func TestFirstOfNextServer(t *testing.T) {
	options := socket.DefaultServerOptions()
	asked := 0
	options.SetAllowRequest(func(*types.HttpContext) error { asked++; return nil })
	c := New(lonely{})
	for range 3 {
		if err := c.Configure(options); err != nil {
			t.Fatal(err)
		}
		s := start(t, options)
		s.constructor = c
		asked = 0
		_, sock := s.client("/")
		if asked != 1 || kindOf(sock) != "own transport, own session" {
			t.Errorf("asked %d times, %s", asked, kindOf(sock))
		}
		s.stop()
	}
}
