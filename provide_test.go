package mesh_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

func TestNotConstructorsOfParts(t *testing.T) {
	for _, c := range []struct {
		option         fx.Option
		field, allowed string
	}{
		{mesh.ProvideTransport(nil), "ProvideTransport", "a constructor whose first result implements core.Transport"},
		{mesh.ProvideTransport(func() {}), "ProvideTransport", "implements core.Transport"},
		{mesh.ProvideTransport(func() codec { return codec{} }), "ProvideTransport", "implements core.Transport"},
		{mesh.ProvideTransport(func() (codec, transport) { return codec{}, transport{} }), "ProvideTransport", "first result"},
		{mesh.ProvideTransport(transport{}), "ProvideTransport", "for a value there is UseTransport"},
		{mesh.ProvideCodec(func() wrongReceiver { return wrongReceiver{} }), "ProvideCodec", "as *mesh_test.wrongReceiver does"},
		{mesh.ProvideCodec(codec{}), "ProvideCodec", "for a value there is UseCodec"},
		{mesh.ProvideDiscovery(discovery{}), "ProvideDiscovery", "for a value there is UseDiscovery"},
		{mesh.ProvideDiscovery(func() transport { return transport{} }), "ProvideDiscovery", "implements core.Discovery"},
		{mesh.UseTransport(nil), "UseTransport", "a core.Transport"},
		{mesh.UseCodec(nil), "UseCodec", "a core.Codec"},
		{mesh.UseDiscovery(nil), "UseDiscovery", "a core.Discovery"},
		{mesh.UseObserver(nil), "UseObserver", "a core.Observer"},
		{mesh.UseMetrics(nil), "UseMetrics", "a func(ops.Source) http.Handler"},
	} {
		wantConfigError(t, fx.New(fx.NopLogger, c.option).Err(), c.field, c.allowed)
	}
}

// wrongReceiver is a codec by pointer only.
type wrongReceiver struct{}

func (*wrongReceiver) Name() string                                       { return "wrong" }
func (*wrongReceiver) Append(dst []byte, _ *core.Message) ([]byte, error) { return dst, nil }
func (*wrongReceiver) Decode([]byte, *core.Message) error                 { return nil }

// TestUsedPartsWin over what Config names and over those provided by name.
func TestUsedPartsWin(t *testing.T) {
	used := make(chan string, 1)
	app := fx.New(fx.NopLogger, mesh.Module,
		fx.Supply(mesh.Config{Listen: "a place", Transport: "ws", Codec: "json", Discovery: "service"}),
		mesh.ProvideTransport(func() transport { return transport{"other"} }),
		mesh.UseTransport(listenSpy{transport{"spy"}, used}),
		mesh.UseCodec(codec{"morse"}),
		mesh.UseDiscovery(discovery{"gossip"}),
		fx.Invoke(func(*mesh.Mesh) {}),
	)
	if err := app.Start(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("start: %v, want the transport's error", err)
	}
	if addr := await.Value(t, used); addr != "a place" {
		t.Errorf("the transport was asked to listen on %q", addr)
	}
}

func TestUseTwice(t *testing.T) {
	err := fx.New(fx.NopLogger, mesh.Module, fx.Invoke(func(*mesh.Mesh) {}),
		mesh.UseTransport(transport{"a"}), mesh.UseTransport(transport{"b"})).Err()
	if err == nil || !strings.Contains(err.Error(), "core.Transport") || !strings.Contains(err.Error(), "already provided") {
		t.Errorf("error %v", err)
	}
}

// TestDecorateAndReplaceUsedParts: what the helpers provide is known to fx as what
// it is, so the application can put something around it or in its place.
func TestDecorateAndReplaceUsedParts(t *testing.T) {
	addr := make(chan string, 1)
	for name, option := range map[string]fx.Option{
		"decorated": fx.Decorate(func(t core.Transport) core.Transport { return listenSpy{t.(listenSpy).transport, addr} }),
		"replaced":  fx.Replace(fx.Annotate(listenSpy{transport{"new"}, addr}, fx.As(new(core.Transport)))),
	} {
		app := fx.New(fx.NopLogger, mesh.Module, option, fx.Supply(mesh.Config{Listen: "a place", Discovery: mesh.DiscoveryStatic}),
			mesh.UseTransport(listenSpy{transport{"old"}, make(chan string, 1)}), fx.Invoke(func(*mesh.Mesh) {}))
		if err := app.Start(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: start: %v, want the transport's error", name, err)
		}
		if got := await.Value(t, addr); got != "a place" {
			t.Errorf("%s: asked to listen on %q", name, got)
		}
	}
}
