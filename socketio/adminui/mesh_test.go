package adminui

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"golang.org/x/crypto/bcrypt"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/socketio"
	"github.com/socketmesh/mesh/transport/mem"
)

// server is a Socket.IO server of a mesh.
type server struct {
	*socket.Server
	url string
	id  string
	ui  *UI // nil if it is not instrumented
}

// password and options that go with it, at a cost that tests can bear.
const password = "changeit"

var passwordHash = func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
}()

func withPassword() Options { return Options{Username: "admin", PasswordHash: passwordHash} }

func credentials() any { return map[string]any{"username": "admin", "password": password} }

// servers starts a mesh whose servers are instrumented with the options.
func servers(t testing.TB, n int, o Options) []*server {
	t.Helper()
	list := plainServers(t, n)
	for _, s := range list {
		s.instrument(t, o)
	}
	for _, s := range list {
		await.Condition(t, "all servers have the pages' namespace", func() bool {
			return socketio.Of(s.ui.nsp).ServerCount() == n
		})
	}
	return list
}

func (s *server) instrument(t testing.TB, o Options) {
	t.Helper()
	ui, err := Instrument(s.Server, o)
	if err != nil {
		t.Fatal(err)
	}
	s.ui = ui
	t.Cleanup(ui.Close)
}

// plainServers starts a mesh of servers without an admin UI.
func plainServers(t testing.TB, n int) []*server {
	t.Helper()
	network, roster := mem.NewNetwork(), coretest.NewRoster()
	list := make([]*server, n)
	for i := range list {
		id := fmt.Sprint("node", i+1)
		member, err := node.New(core.Config{
			ID: id, Listen: id,
			Transport: network.Transport(id),
			Codecs:    []core.Codec{json.New()},
			Discovery: roster.Discovery(),
		}, cluster.New)
		if err != nil {
			t.Fatal(err)
		}
		if err := member.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := member.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		options := socket.DefaultServerOptions()
		options.SetConnectTimeout(await.Patience) // for a busy machine
		if err := socketio.New(member).Configure(options); err != nil {
			t.Fatal(err)
		}
		io := socket.NewServer(nil, options)
		web := httptest.NewServer(io.ServeHandler(nil))
		t.Cleanup(func() {
			io.Close(nil)
			web.CloseClientConnections()
			web.Close()
		})
		list[i] = &server{Server: io, url: web.URL, id: id}
	}
	for _, s := range list {
		await.Condition(t, "all servers are linked", func() bool { return socketio.Of(s.Sockets()).ServerCount() == n })
	}
	return list
}

// socket is a client's socket, once the server has it.
func (s *server) socket(t testing.TB, nsp string, c *client) *socket.Socket {
	t.Helper()
	var found *socket.Socket
	await.Condition(t, "the server has the socket", func() bool {
		sock, ok := s.Of(nsp, nil).Sockets().Load(socket.SocketId(c.id))
		found = sock
		return ok && sock.Connected()
	})
	return found
}

// newPage connects a page, and waits for its snapshot.
func newPage(t testing.TB, s *server) *client {
	t.Helper()
	p := connect(t, s.url, "/admin", credentials())
	p.await("all_sockets", nil)
	return p
}

// has tells whether a list of descriptions has a socket.
func has(id string) func(args []any) bool {
	return func(args []any) bool {
		list, _ := args[0].([]any)
		return slices.ContainsFunc(list, func(d any) bool { return member(d, "id") == id })
	}
}
