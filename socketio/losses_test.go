package socketio

import (
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/polling"
)

// TestNoLosses: where all is well nothing is said, with whichever transports of the
// library's.
func TestNoLosses(t *testing.T) {
	for name, set := range map[string]*types.Set[engine.TransportCtor]{
		"default":        nil,
		"websocket only": types.NewSet(engine.WebSocket),
		"polling only":   types.NewSet(engine.Polling),
	} {
		t.Run(name, func(t *testing.T) {
			var log coretest.Log
			options := socket.DefaultServerOptions()
			if set != nil {
				options.SetTransports(set)
			}
			s := serveWith(t, options, lonely{}, WithLogger(log.Logger()))
			if set == nil || set.Has(engine.Polling) {
				if _, sock := s.polling(); !isOwnPolling(sock.Conn()) {
					t.Errorf("transport %T", sock.Conn().Transport())
				}
			}
			if got := log.Count("WARN", "") + log.Count("ERROR", ""); got != 0 {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func isOwnPolling(conn engine.Socket) bool {
	_, ok := conn.Transport().(*polling.Transport)
	return ok
}

// TestUnknownVersion: it is said once, with every server, and all works as far as it
// goes. What a version of another make lacks is said in the same line.
func TestUnknownVersion(t *testing.T) {
	var log coretest.Log
	unknown := hostcompat.Host{Version: "v3.9.9", Needs: hostcompat.Running().Needs}
	s := serve(t, lonely{}, WithLogger(log.Logger()), func(c *Constructor) {
		c.host = unknown
		c.fetched.UseLibraryConstructor()
	})
	s.Of("/other", nil)
	c, sock := s.client("/")
	if got := kindOf(sock); got != "own transport, own session" {
		t.Error(got)
	}
	_ = s.Emit("e")
	c.expect(text(`2["e"]`))
	if n := log.Count("WARN", ""); n != 1 {
		t.Errorf("%d warnings: %s", n, log.String())
	}
	for _, want := range []string{"v3.9.9", strings.Join(hostcompat.Tested(), ", "), "FetchSockets allocates"} {
		if log.Count("WARN", want) != 1 {
			t.Errorf("no warning of %q: %s", want, log.String())
		}
	}
	found := make(chan int, 1)
	s.FetchSockets()(func(sockets []*socket.RemoteSocket, _ error) { found <- len(sockets) })
	if n := await.Value(t, found); n != 1 {
		t.Errorf("%d sockets", n)
	}
}

// TestLateAdapter: a server that has its engine when it gets the adapter keeps its
// parser, which is said.
func TestLateAdapter(t *testing.T) {
	var log coretest.Log
	s := start(t, socket.DefaultServerOptions())
	s.SetAdapter(New(lonely{}, WithLogger(log.Logger())))
	if n := log.Count("WARN", "the server has its engine already"); n != 1 || log.Count("WARN", "") != 1 {
		t.Errorf("log: %s", log.String())
	}
	c, _ := s.client("/")
	_ = s.Emit("e")
	c.expect(text(`2["e"]`))
}
