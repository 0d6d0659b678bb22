package socketio

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/socketio/internal/fastpath"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
)

type ownParser struct{ parser.Parser }

// configured starts a server with options that were configured.
func configured(t *testing.T, options *socket.ServerOptions, opts ...Option) *server {
	t.Helper()
	c := New(lonely{}, opts...)
	if err := c.Configure(options); err != nil {
		t.Fatal(err)
	}
	s := start(t, options)
	s.constructor = c
	return s
}

func parserOf(s *socket.Server) reflect.Type {
	return reflect.ValueOf(s).Elem().FieldByName("_parser").Elem().Type()
}

func TestConfigure(t *testing.T) {
	options := socket.DefaultServerOptions()
	s := configured(t, options)
	if _, ok := options.Parser().(sioparser.Parser); !ok {
		t.Errorf("the options have a %T as the parser", options.Parser())
	}
	if fastpath.Prepared(options) == nil {
		t.Error("the options have the library's transports")
	}
	for range 2 {
		c, sock := s.client("/")
		if got := kindOf(sock); got != "own transport, own session" {
			t.Error(got)
		}
		s.Emit("e")
		c.expect(text(`2["e"]`))
	}
	if got := s.Engine().Transports(); got.Len() != 2 || !got.Has("polling") || !got.Has("websocket") {
		t.Errorf("transports %v", got.Keys())
	}
}

// TestConfigureKeeps: what the application has set stays.
func TestConfigureKeeps(t *testing.T) {
	t.Run("parser", func(t *testing.T) {
		options := socket.DefaultServerOptions()
		options.SetParser(ownParser{parser.NewParser()})
		s := configured(t, options)
		if got := parserOf(s.Server); got != reflect.TypeOf(sioparser.Guarded(ownParser{})) {
			t.Errorf("the server has a %v", got)
		}
	})
	t.Run("fewer transports", func(t *testing.T) {
		options := socket.DefaultServerOptions()
		options.SetTransports(types.NewSet(engine.WebSocket))
		s := configured(t, options)
		if got := s.Engine().Transports(); got.Len() != 1 || !got.Has("websocket") {
			t.Errorf("transports %v", got.Keys())
		}
		if _, sock := s.client("/"); kindOf(sock) != "own transport, own session" {
			t.Error(kindOf(sock))
		}
	})
	t.Run("another transport", func(t *testing.T) {
		var log coretest.Log
		options := socket.DefaultServerOptions()
		given := types.NewSet[engine.TransportCtor](engine.Polling, ownBuilder{engine.WebSocket})
		options.SetTransports(given)
		s := configured(t, options, WithLogger(log.Logger()))
		if options.Transports() != given {
			t.Error("the options have other transports")
		}
		if _, sock := s.client("/"); kindOf(sock) != "library's transport" {
			t.Error(kindOf(sock))
		}
	})
	t.Run("ClientOptions.Library", func(t *testing.T) {
		options := socket.DefaultServerOptions()
		s := configured(t, options, WithClientOptions(ClientOptions{Library: true}))
		if options.Transports() != nil {
			t.Errorf("transports %v", options.Transports())
		}
		if _, sock := s.client("/"); kindOf(sock) != "library's transport" {
			t.Error(kindOf(sock))
		}
	})
}

// TestConfigureTwice with the same options is as good as once; so is an adapter that
// was set before.
func TestConfigureTwice(t *testing.T) {
	c := New(lonely{})
	options := socket.DefaultServerOptions()
	options.SetAdapter(c)
	for range 2 {
		if err := c.Configure(options); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, options)
	if _, sock := s.client("/"); kindOf(sock) != "own transport, own session" {
		t.Error(kindOf(sock))
	}
}

func TestConfigureRefuses(t *testing.T) {
	other := socket.DefaultServerOptions()
	other.SetAdapter(&socket.AdapterBuilder{})
	for _, options := range []*socket.ServerOptions{nil, other} {
		var bad *core.ConfigError
		if err := New(lonely{}).Configure(options); !errors.As(err, &bad) {
			t.Errorf("%v", err)
		}
	}
}

// TestConfigureSecondServer: that there is a server already is told before there is
// another one.
func TestConfigureSecondServer(t *testing.T) {
	c := New(lonely{})
	first := socket.DefaultServerOptions()
	if err := c.Configure(first); err != nil {
		t.Fatal(err)
	}
	s := start(t, first)
	if err := c.Configure(socket.DefaultServerOptions()); !errors.Is(err, ErrSecondServer) || !strings.Contains(err.Error(), "server_test.go:") {
		t.Errorf("while the first is open: %v", err)
	}
	s.Server.Close(nil)
	if err := c.Configure(socket.DefaultServerOptions()); err != nil {
		t.Errorf("when the first is closed: %v", err)
	}
}
