package mesh_test

import (
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/socketio"
	"github.com/socketmesh/mesh/transport/mem"
)

// TestNilOptions: an option that is nil is none.
func TestNilOptions(t *testing.T) {
	used := mesh.WithTransport(mem.NewNetwork().Transport("a"))
	for name, options := range map[string][]mesh.Option{"alone": {nil}, "among others": {nil, used, nil}, "none": nil} {
		m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0"}, options...)
		if err != nil || m == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	app := fx.New(fx.NopLogger, mesh.NamedModule("a", mesh.Config{Listen: "127.0.0.1:0"}, nil, used, nil),
		fx.Invoke(fx.Annotate(func(*mesh.Mesh) {}, fx.ParamTags(`name:"a"`))))
	if err := app.Err(); err != nil {
		t.Error(err)
	}
}

// TestNilValues: an option with a value that is nil, or a nil pointer, is an error
// that names the option.
func TestNilValues(t *testing.T) {
	var (
		noTransport *pointerTransport
		noDiscovery *pointerDiscovery
		noCodec     *codecPointer
		noRecorder  *coretest.RecordingObserver
		noAdapter   func(core.Adapter) core.Adapter
		noHost      func(string, core.Host) core.Host
	)
	for _, c := range []struct {
		option mesh.Option
		field  string
		want   string
	}{
		{mesh.WithTransport(nil), "WithTransport", "core.Transport"},
		{mesh.WithTransport(noTransport), "WithTransport", "core.Transport"},
		{mesh.WithCodec(nil), "WithCodec", "core.Codec"},
		{mesh.WithCodec(noCodec), "WithCodec", "core.Codec"},
		{mesh.WithDiscovery(nil), "WithDiscovery", "core.Discovery"},
		{mesh.WithDiscovery(noDiscovery), "WithDiscovery", "core.Discovery"},
		{mesh.WithLogger(nil), "WithLogger", "*slog.Logger"},
		{mesh.WithObserver(nil), "WithObserver", "core.Observer"},
		{mesh.WithObserver(noRecorder), "WithObserver", "core.Observer"},
		{mesh.WrapAdapter(nil), "WrapAdapter", "a function"},
		{mesh.WrapHost(nil), "WrapHost", "a function"},
	} {
		_, err := mesh.New(mesh.Config{}, c.option)
		wantConfigError(t, err, c.field, c.want)
		app := fx.New(fx.NopLogger, mesh.NamedModule("a", mesh.Config{}, c.option),
			fx.Invoke(fx.Annotate(func(*mesh.Mesh) {}, fx.ParamTags(`name:"a"`))))
		if bad := (*core.ConfigError)(nil); !errors.As(app.Err(), &bad) || bad.Field != c.field {
			t.Errorf("%s of a named module: %v", c.field, app.Err())
		}
	}
	_, err := mesh.New(mesh.Config{}, mesh.WithLogger(slog.Default()), mesh.WithCodec(nil), mesh.WithObserver(nil))
	if want := "WithCodec: nil is not allowed: want a core.Codec"; err == nil || err.Error() != want {
		t.Errorf("the first of two: %v, want %q", err, want)
	}
	for _, c := range []struct {
		option fx.Option
		field  string
	}{
		{mesh.UseTransport(noTransport), "UseTransport"},
		{mesh.UseCodec(noCodec), "UseCodec"},
		{mesh.UseDiscovery(noDiscovery), "UseDiscovery"},
		{mesh.UseObserver(noRecorder), "UseObserver"},
		{mesh.ProvideTransport((func() core.Transport)(nil)), "ProvideTransport"},
		{mesh.ProvideTransport(func() core.Transport { return nil }), "Transport"},
		{mesh.ProvideCodec(func() core.Codec { return nil }), "Codec"},
		{mesh.ProvideDiscovery(func() core.Discovery { return noDiscovery }), "Discovery"},
		{mesh.ProvideAdapterWrapper(noAdapter), "ProvideAdapterWrapper"},
		{mesh.ProvideHostWrapper(noHost), "ProvideHostWrapper"},
		{mesh.ProvideHostWrapper(nil), "ProvideHostWrapper"},
	} {
		app := fx.New(fx.NopLogger, mesh.Module, c.option, fx.Invoke(func(*mesh.Mesh) {}))
		if bad := (*core.ConfigError)(nil); !errors.As(app.Err(), &bad) || bad.Field != c.field {
			t.Errorf("%s: %v", c.field, app.Err())
		}
	}
}

// Parts by pointer.
type (
	pointerTransport struct{ core.Transport }
	pointerDiscovery struct{ core.Discovery }
	codecPointer     struct{ core.Codec }
)

func TestWithClientOptions(t *testing.T) {
	m, err := mesh.New(mesh.Config{}, mesh.WithClientOptions(socketio.ClientOptions{QueueBytes: 1 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	got := m.ClientStats()
	got.QueuedLimit = 0 // depends on the machine
	if got != (socketio.ClientStats{}) {
		t.Errorf("something is delivered: %+v", got)
	}
	_, err = mesh.New(mesh.Config{}, mesh.WithClientOptions(socketio.ClientOptions{Timeout: -1}))
	var bad *core.ConfigError
	if !errors.As(err, &bad) || bad.Field != "ClientOptions.Timeout" {
		t.Errorf("a bad timeout: %v", err)
	}
}
