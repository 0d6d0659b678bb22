package socketio

import (
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
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

// TestFastPathIsTaken: with the adapter comes the delivery path, for the first client as
// for all others.
func TestFastPathIsTaken(t *testing.T) {
	s := serve(t, lonely{})
	for i := range 3 {
		c, sock := s.client("/")
		if got := kindOf(sock); got != "own transport, own session" {
			t.Errorf("client %d: %s", i, got)
		}
		s.Emit("e", i)
		c.expect(text(`2["e",` + jsonOf(i) + `]`))
	}
	await.Condition(t, "ClientsCount is 3", func() bool { return s.Engine().ClientsCount() == 3 })
	if got := s.constructor.ClientStats().Clients; got != 3 {
		t.Errorf("%d clients counted", got)
	}
}

func TestFastPathOfEngineThatIsThere(t *testing.T) {
	s := start(t, socket.DefaultServerOptions())
	s.SetAdapter(New(lonely{}))
	if _, sock := s.client("/"); kindOf(sock) != "own transport, own session" {
		t.Error(kindOf(sock))
	}
}

// TestFastPathThatCannotBeInstalled: then the library delivers, and the log says why.
func TestFastPathThatCannotBeInstalled(t *testing.T) {
	for _, test := range []struct {
		name    string
		options func(*socket.ServerOptions)
		option  ClientOptions
		reason  string
	}{
		{"wanted", func(*socket.ServerOptions) {}, ClientOptions{Library: true}, "ClientOptions.Library"},
		{"another transport", func(o *socket.ServerOptions) {
			o.SetTransports(types.NewSet[engine.TransportCtor](engine.Polling, ownBuilder{engine.WebSocket}))
		}, ClientOptions{}, "another WebSocket transport"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log coretest.Log
			options := socket.DefaultServerOptions()
			test.options(options)
			s := serveWith(t, options, lonely{}, WithLogger(log.Logger()), WithClientOptions(test.option))
			c, sock := s.client("/")
			if got := kindOf(sock); got != "library's transport" {
				t.Error(got)
			}
			s.Emit("e")
			c.expect(text(`2["e"]`))
			if got := log.String(); strings.Count(got, test.reason) != 1 || strings.Contains(got, "WARN") == test.option.Library {
				t.Errorf("log: %s", got)
			}
		})
	}
}

type ownBuilder struct{ engine.TransportCtor }
