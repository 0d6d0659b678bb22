package socketio

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// kindOf says which way a socket's events take.
func kindOf(s *socket.Socket) string {
	transport := "library's transport"
	if _, ok := s.Conn().Transport().(*wstransport.Transport); ok {
		transport = "own transport"
	}
	if _, ok := s.Conn().(*session.Session); ok {
		return transport + ", own session"
	}
	return transport
}

// TestPathIsTaken: with the adapter comes the delivery path. The first client of a
// server comes in before the door is open, which makes no difference to it.
func TestPathIsTaken(t *testing.T) {
	s := serve(t, lonely{})
	want := []string{"own transport", "own transport, own session", "own transport, own session"}
	for i, want := range want {
		c, sock := s.client("/")
		if got := kindOf(sock); got != want {
			t.Errorf("client %d: %s, want %s", i, got, want)
		}
		s.Emit("e", i)
		c.expect(text(`2["e",` + jsonOf(i) + `]`))
	}
	if got := s.Engine().ClientsCount(); got != 3 {
		t.Errorf("ClientsCount is %d", got)
	}
	if got := s.constructor.Delivery().Clients; got != 3 {
		t.Errorf("%d clients counted", got)
	}
}

func TestPathOfEngineThatIsThere(t *testing.T) {
	s := start(t, socket.DefaultServerOptions())
	s.SetAdapter(New(lonely{}))
	if _, sock := s.client("/"); kindOf(sock) != "own transport, own session" {
		t.Error(kindOf(sock))
	}
}

// TestPathThatCannotBeLaid: then the library delivers, and the log says why.
func TestPathThatCannotBeLaid(t *testing.T) {
	for _, test := range []struct {
		name    string
		options func(*socket.ServerOptions)
		option  Delivery
		reason  string
	}{
		{"wanted", func(*socket.ServerOptions) {}, Delivery{Library: true}, "Delivery.Library"},
		{"another transport", func(o *socket.ServerOptions) {
			o.SetTransports(types.NewSet[engine.TransportCtor](engine.Polling, ownBuilder{engine.WebSocket}))
		}, Delivery{}, "another WebSocket transport"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log logBook
			options := socket.DefaultServerOptions()
			test.options(options)
			s := serveWith(t, options, lonely{}, WithLogger(log.logger()), WithDelivery(test.option))
			c, sock := s.client("/")
			if got := kindOf(sock); got != "library's transport" {
				t.Error(got)
			}
			s.Emit("e")
			c.expect(text(`2["e"]`))
			if got := log.String(); strings.Count(got, "left to the Socket.IO library") != 1 || !strings.Contains(got, test.reason) {
				t.Errorf("log: %s", got)
			}
		})
	}
	t.Run("no websocket", func(t *testing.T) {
		var log logBook
		options := socket.DefaultServerOptions()
		options.SetTransports(types.NewSet(engine.Polling))
		serveWith(t, options, lonely{}, WithLogger(log.logger()))
		if !strings.Contains(log.String(), "no WebSocket transport") {
			t.Errorf("log: %s", log.String())
		}
	})
}

type ownBuilder struct{ engine.TransportCtor }

// polling is a client of revision 4 that polls, as far as it takes to upgrade.
type polling struct {
	t   *testing.T
	url string
}

func (p *polling) get() string {
	p.t.Helper()
	response, err := http.Get(p.url)
	return p.body(response, err)
}

func (p *polling) post(packet string) {
	p.t.Helper()
	response, err := http.Post(p.url, "text/plain;charset=UTF-8", strings.NewReader(packet))
	if got := p.body(response, err); got != "ok" {
		p.t.Fatalf("POST answered with %q", got)
	}
}

func (p *polling) body(response *http.Response, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(body)
}

// marked tells, after a collection, whether anything still holds a transport.
func marked(t transports.Transport) (held func() bool) {
	mark := new([64]byte)
	_ = t.On("witness", func(...any) { runtime.KeepAlive(mark) })
	pointer := weak.Make(mark)
	return func() bool {
		runtime.GC()
		return pointer.Value() != nil
	}
}

// TestUpgrade: what is emitted while a client is upgraded arrives, in order, first
// by polling and then by WebSocket. The transport that it leaves goes.
func TestUpgrade(t *testing.T) {
	s := serve(t, lonely{})
	connected := make(chan *socket.Socket, 1)
	_ = s.On("connection", func(args ...any) { connected <- args[0].(*socket.Socket) })
	p := &polling{t, s.http.URL + "/socket.io/?EIO=4&transport=polling"}
	_, rest, _ := strings.Cut(p.get(), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.url += "&sid=" + sid
	p.post("40")
	if got := p.get(); !strings.HasPrefix(got, "40{") {
		t.Fatalf("got %q on CONNECT", got)
	}
	sock := within(t, connected)
	held := marked(sock.Conn().Transport())
	s.Emit("polled")
	if got := p.get(); got != `42["polled"]` {
		t.Fatal(got)
	}

	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.Replace(strings.TrimPrefix(p.url, "http"), "transport=polling", "transport=websocket", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(packet string) {
		t.Helper()
		if err := conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(want string) {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, got, err := conn.ReadMessage(); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	say("2probe")
	hear("3probe")
	s.Emit("between", 1)
	_ = sock.Emit("between", 2)
	s.Emit("between", 3)
	if got := p.get(); got != "6" && !strings.Contains(got, "between") {
		t.Fatal(got)
	} else if got == "6" {
		say("5")
		hear(`42["between",1]`)
		hear(`42["between",2]`)
		hear(`42["between",3]`)
	} else {
		say("5")
	}
	eventually(t, "upgraded", func() bool { return sock.Conn().Transport().Name() == transports.WEBSOCKET })
	eventually(t, "transport left", func() bool { return !held() })
	for i := range 100 {
		if i%2 == 0 {
			s.Emit("e", i)
		} else {
			_ = sock.Emit("e", i)
		}
	}
	for i := range 100 {
		hear(`42["e",` + jsonOf(i) + `]`)
	}
	if got := kindOf(sock); got != "own transport" {
		t.Error(got)
	}
}
