package socketio

import (
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// asked counts what the mesh is asked about single sockets.
type asked struct {
	core.Adapter
	calls *atomic.Int32
}

func (a asked) AddAll(string, []string) { a.calls.Add(1) }
func (a asked) Del(string, string)      { a.calls.Add(1) }
func (a asked) DelAll(string)           { a.calls.Add(1) }

// TestSocketsInMiddlewaresAreInNoMap: a socket in its middlewares is nowhere in the library's maps, and
// yet joins and leaves here.
func TestSocketsInMiddlewaresAreInNoMap(t *testing.T) {
	var calls atomic.Int32
	s := serve(t, opener(func(namespace string, host core.Host) (core.Adapter, error) {
		inner, err := lonely{}.Adapter(namespace, host)
		return asked{inner, &calls}, err
	}))
	parent := s.Of(regexp.MustCompile(`^/dynamic-\d+$`), nil)
	for _, nsp := range []socket.Namespace{s.Sockets(), s.Of("/static", nil), parent} {
		nsp.Use(func(sock *socket.Socket, next func(*socket.ExtendedError)) {
			sock.Join("early", "left")
			sock.Leave("left")
			if !sock.Rooms().Has("early") || sock.Rooms().Has("left") {
				t.Errorf("rooms in the middleware: %v", sock.Rooms().Keys())
			}
			if sock.Handshake().Query["refuse"] != nil {
				next(socket.NewExtendedError("refused", nil))
				return
			}
			next(nil)
		})
	}
	for _, name := range []string{"/", "/static", "/dynamic-1", "/dynamic-1"} {
		prefix := name + ","
		if name == "/" {
			prefix = ""
		}
		c := s.dial("EIO=4")
		sid := c.connect(prefix)
		nsp := s.Of(name, nil)
		_ = nsp.To("early").Emit("e")
		c.expect(text("2" + prefix + `["e"]`))
		sock, _ := nsp.Sockets().Load(socket.SocketId(sid))
		if rooms := sock.Rooms(); rooms.Len() != 2 || !rooms.Has("early") {
			t.Errorf("%s: rooms %v", name, rooms.Keys())
		}
		sock.Leave("early")

		refused := s.dial("EIO=4&refuse=1")
		refused.send("0" + prefix)
		refused.expect(text("4" + prefix + `{"message":"refused"}`))
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("the mesh was asked about single sockets %d times", n)
	}
}

// TestClientGoesWhileItIsConnected: a client that goes while it is being connected does not stay in the
// namespace.
func TestClientGoesWhileItIsConnected(t *testing.T) {
	s := serve(t, lonely{})
	nsp := s.Sockets()
	c := s.dial("EIO=4")
	_ = nsp.Adapter().On("join-room", func(args ...any) {
		sock, _ := nsp.Sockets().Load(args[1].(socket.SocketId))
		_ = c.conn.Close()
		await.Condition(t, "closed on the server", func() bool { return sock.Conn().ReadyState() == "closed" })
	})
	gone := make(chan struct{})
	_ = s.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("disconnect", func(...any) { close(gone) })
	})
	c.send("0")
	ended(t, gone)
	if n := nsp.Sockets().Len() + nsp.Adapter().Rooms().Len() + nsp.Adapter().Sids().Len(); n != 0 {
		t.Errorf("%d entries left over", n)
	}
}
