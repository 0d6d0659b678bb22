package mesh_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// free is a Config that disturbs nobody: a free port, and no peers.
var free = mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic}

func TestModuleIsValid(t *testing.T) {
	if err := fx.ValidateApp(mesh.Module, fx.Invoke(func(socket.AdapterConstructor, *mesh.Mesh) {})); err != nil {
		t.Error(err)
	}
}

func TestModuleStartsAndStopsTheNode(t *testing.T) {
	var node *mesh.Mesh
	app := fxtest.New(t, mesh.Module, fx.Supply(free), fx.Populate(&node))
	if node.Addr() != "" {
		t.Error("the node listens before the application starts")
	}
	app.RequireStart()
	conn, err := net.Dial("tcp", node.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	app.RequireStop()
	if err := node.Start(context.Background()); !errors.Is(err, core.ErrClosed) {
		t.Errorf("the node was not shut down: %v", err)
	}
}

func TestModuleFailsStartWhenThePortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	app := fx.New(mesh.Module, fx.NopLogger, fx.Supply(mesh.Config{Listen: taken.Addr().String()}), fx.Invoke(func(*mesh.Mesh) {}))
	if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("start: %v, want an error that names %s", err, taken.Addr())
	}
}

func TestModuleNeedsNoConfig(t *testing.T) {
	if err := fx.ValidateApp(mesh.Module, fx.Invoke(func(*mesh.Mesh) {})); err != nil {
		t.Error(err)
	}
	if err := fx.New(fx.NopLogger, mesh.Module, fx.Invoke(func(*mesh.Mesh) {})).Err(); err != nil {
		t.Error(err)
	}
}

func TestModuleWantsOneConfig(t *testing.T) {
	for _, second := range []fx.Option{fx.Supply(free), fx.Provide(mesh.ConfigFromEnv)} {
		err := fx.New(fx.NopLogger, mesh.Module, fx.Supply(free), second, fx.Invoke(func(*mesh.Mesh) {})).Err()
		if err == nil || !strings.Contains(err.Error(), "cannot provide mesh.Config") || !strings.Contains(err.Error(), "already provided") {
			t.Errorf("error %v", err)
		}
	}
	err := fx.New(fx.NopLogger, mesh.Module, fx.Supply(&free), fx.Invoke(func(*mesh.Mesh) {})).Err()
	wantConfigError(t, err, "Config", "not a pointer")
}

// TestModuleTakesADecoratedConfig of the application.
func TestModuleTakesADecoratedConfig(t *testing.T) {
	decorate := fx.Decorate(func(c mesh.Config) mesh.Config { c.Codec = "morse"; return c })
	err := fx.New(fx.NopLogger, mesh.Module, fx.Supply(free), decorate, fx.Invoke(func(*mesh.Mesh) {})).Err()
	wantConfigError(t, err, "Codec", "one of")
}

// TestModuleIsIdleUnlessAskedFor: no Invoke of its own.
func TestModuleIsIdleUnlessAskedFor(t *testing.T) {
	app := fxtest.New(t, mesh.Module, fx.Supply(mesh.Config{Transport: "there is no such thing"}))
	app.RequireStart().RequireStop()
}

func TestModuleChoosesPartsByName(t *testing.T) {
	app := func(cfg mesh.Config) error {
		return fx.New(fx.NopLogger, mesh.Module, fx.Supply(cfg), fx.Invoke(func(*mesh.Mesh) {}),
			mesh.ProvideTransport(func() transport { return transport{"pigeon"} }),
			mesh.ProvideCodec(func() (core.Codec, error) { return codec{"morse"}, nil }),
			mesh.ProvideDiscovery(func(mesh.Config) *discovery { return &discovery{"gossip"} }),
		).Err()
	}
	for _, cfg := range []mesh.Config{
		{},
		{Transport: "pigeon"},
		{Codec: "morse"},
		{Discovery: "gossip"},
		{Transport: "pigeon", Codec: "morse", Discovery: "gossip"},
	} {
		if err := app(cfg); err != nil {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	wantConfigError(t, app(mesh.Config{Transport: "pidgin"}), "Transport", `one of "pigeon", "quic", "ws", "wss"`)
	wantConfigError(t, app(mesh.Config{Codec: "more"}), "Codec", `one of "json", "morse", "msgpack"`)
	wantConfigError(t, app(mesh.Config{Discovery: "goss"}), "Discovery", `one of "dns", "gossip", "service", "static"`)
}

func TestModuleRefusesDuplicates(t *testing.T) {
	app := func(options ...fx.Option) error {
		return fx.New(append(options, fx.NopLogger, mesh.Module, fx.Invoke(func(*mesh.Mesh) {}))...).Err()
	}
	wantConfigError(t, app(mesh.ProvideTransport(func() transport { return transport{"ws"} })), "Transport", `one part of each name; there are already "quic", "ws"`)
	wantConfigError(t, app(
		mesh.ProvideCodec(func() codec { return codec{"morse"} }),
		mesh.ProvideCodec(func() codec { return codec{"morse"} }),
	), "Codec", `one part of each name`)
	wantConfigError(t, app(
		mesh.ProvideDiscovery(func() discovery { return discovery{"consul"} }),
		mesh.ProvideDiscovery(func() discovery { return discovery{"consul"} }),
	), "Discovery", `one part of each name`)
}

// A part that is provided as such is used whatever Config says, also from a
// sibling module.
func TestModuleUngroupedPartWins(t *testing.T) {
	used := make(chan string, 1)
	app := fx.New(fx.NopLogger, mesh.Module,
		fx.Supply(mesh.Config{Listen: "a place", Transport: "ws", Discovery: mesh.DiscoveryStatic}),
		fx.Module("elsewhere", fx.Provide(func() core.Transport { return listenSpy{transport{"spy"}, used} })),
		fx.Invoke(func(*mesh.Mesh) {}),
	)
	if err := app.Start(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("start: %v, want the transport's error", err)
	}
	if addr := await.Value(t, used); addr != "a place" {
		t.Errorf("the transport was asked to listen on %q", addr)
	}
}

type listenSpy struct {
	transport
	addr chan string
}

func (s listenSpy) Listen(ctx context.Context, addr string) (core.Listener, error) {
	s.addr <- addr
	return s.transport.Listen(ctx, addr)
}
