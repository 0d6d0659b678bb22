package socketio

import (
	"net/http/httptest"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// server is a Socket.IO server on a port of its own.
type server struct {
	*socket.Server
	t           testing.TB
	constructor *Constructor // nil if the adapter is not from one
	http        *httptest.Server
	listening   chan struct{} // once for each connection that the library listens to
}

// serve starts a server whose adapters come from a node, and stops it at the
// test's end.
func serve(t testing.TB, node Opener, opts ...Option) *server {
	t.Helper()
	return serveWith(t, socket.DefaultServerOptions(), node, opts...)
}

func serveWith(t testing.TB, options *socket.ServerOptions, node Opener, opts ...Option) *server {
	t.Helper()
	constructor := New(node, opts...)
	options.SetAdapter(constructor)
	options.SetConnectTimeout(await.Patience) // for a busy machine
	s := start(t, options)
	s.constructor = constructor
	return s
}

func start(t testing.TB, options *socket.ServerOptions) *server {
	t.Helper()
	io := socket.NewServer(nil, options)
	s := &server{Server: io, t: t, http: httptest.NewServer(io.ServeHandler(nil)), listening: make(chan struct{}, 1000)}
	_ = io.Engine().On("connection", func(...any) {
		select {
		case s.listening <- struct{}{}:
		default: // nobody waits
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	s.Server.Close(nil)
	s.http.CloseClientConnections()
	s.http.Close()
}

// client connects a client to a namespace and waits until the server has told its
// listeners. join are rooms for it.
func (s *server) client(namespace string, join ...socket.Room) (*client, *socket.Socket) {
	s.t.Helper()
	prefix := ""
	if namespace != "/" {
		prefix = namespace + ","
	}
	connected := make(chan *socket.Socket, 1000)
	s.Of(namespace, func(args ...any) { connected <- args[0].(*socket.Socket) })
	c := s.dial("EIO=4")
	sid := c.connect(prefix)
	// The library answers CONNECT before it is ready for what the client sends
	// next, and hangs up on that.
	sock := await.Value(s.t, connected)
	if string(sock.Id()) != sid {
		s.t.Fatalf("socket %s connected, not %s", sock.Id(), sid)
	}
	sock.Join(join...)
	return c, sock
}

// connect connects a client that has been dialled to the main namespace.
func (s *server) connect(c *client) *socket.Socket {
	s.t.Helper()
	connected := make(chan *socket.Socket, 1)
	// Not "connection", which may still be on its way for the client before.
	_ = s.Once("connect", func(args ...any) { connected <- args[0].(*socket.Socket) })
	c.connect("")
	return await.Value(s.t, connected)
}
