package wire

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/service"
)

// client is a Socket.IO client, packet by packet.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

func connect(t *testing.T, url string) *client {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(patience))
	c := &client{t, conn}
	c.next() // open
	if err := conn.WriteMessage(websocket.TextMessage, []byte("40")); err != nil {
		t.Fatal(err)
	}
	if got := c.next(); !strings.HasPrefix(got, `40{"sid":`) {
		t.Fatalf("got %q, want a connection", got)
	}
	return c
}

func (c *client) next() string {
	c.t.Helper()
	_, got, err := c.conn.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(got)
}

func (c *client) expect(want string) {
	c.t.Helper()
	if got := c.next(); got != want {
		c.t.Fatalf("the client got %q, want %q", got, want)
	}
}

// A program that is no server acts on clients under the name that Socket.IO's
// emitters use. It has the mesh's token, and its link a uid of its own.
func TestEmitter(t *testing.T) {
	const token = "secret"
	s := service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0", AuthToken: token})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", DiscoveryAddress: "ws://" + s.Addr(), AuthToken: token})
	if err != nil {
		t.Fatal(err)
	}
	options := socket.DefaultServerOptions()
	options.SetAdapter(m.Adapter())
	io := socket.NewServer(nil, options)
	http := httptest.NewServer(io.ServeHandler(nil))
	t.Cleanup(http.Close)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		io.Close(nil)
		m.Shutdown(t.Context())
	})
	told := make(chan any, 1)
	_ = io.On("note", func(args ...any) { told <- args[0] })
	c := connect(t, http.URL)

	r := &reference{t: t}
	conn := r.dial(m.Advertised())
	r.write(conn, "\x00\x83\xa3uid"+str("0000000000000000")+"\xa7address"+str("ws://127.0.0.1:1")+"\xa5token"+str(token))
	emit := func(message core.Message) {
		message.From, message.Namespace = "emitter", "/"
		frame, err := msgpack.New().Append([]byte{1}, &message)
		if err != nil {
			t.Fatal(err)
		}
		r.write(conn, string(frame))
	}
	// As an emitter writes it, with the namespace in the packet too.
	r.write(conn, "\x01\x84\xa4type\x03\xa4data\x82\xa6packet\x83\xa4type\x02\xa4data\x92"+str("hello")+"\x01\xa3nsp\xa1/"+
		"\xa4opts\x83\xa5rooms\x90\xa6except\x90\xa5flags\x80\xa3uid"+str("emitter")+"\xa3nsp\xa1/")
	c.expect(`42["hello",1]`)
	room := core.Target{Rooms: []string{"r"}}
	emit(core.Message{Kind: core.KindSocketsJoin, Rooms: []string{"r"}})
	emit(core.Message{Kind: core.KindBroadcast, To: room, Payload: core.Payload{Text: []byte(`["joined"]`)}})
	c.expect(`42["joined"]`)
	emit(core.Message{Kind: core.KindSocketsLeave, Rooms: []string{"r"}})
	emit(core.Message{Kind: core.KindBroadcast, To: room, Payload: core.Payload{Text: []byte(`["not here"]`)}})
	emit(core.Message{Kind: core.KindServerSideEmit, Payload: core.Payload{Text: []byte(`["note","server"]`)}})
	select {
	case got := <-told:
		if got != "server" {
			t.Errorf("the server got %v", got)
		}
	case <-time.After(patience):
		t.Fatal("the server was not told")
	}

	emit(core.Message{Kind: core.KindHeartbeat})
	emit(core.Message{Kind: core.KindFetchSockets, RequestID: "0123456789abcdef"})
	emit(core.Message{Kind: core.KindBroadcast, Payload: core.Payload{Text: []byte(`["bye"]`)}})
	c.expect(`42["bye"]`)
	if n := io.Sockets().Adapter().ServerCount(); n != 1 {
		t.Errorf("%d servers, want 1", n)
	}
	if s := m.Stats(); s.Ignored != 2 {
		t.Errorf("%d messages ignored, want 2", s.Ignored)
	}
	emit(core.Message{Kind: core.KindDisconnectSockets, Close: false})
	c.expect("41")
}
