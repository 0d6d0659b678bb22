package mesh

import (
	"reflect"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
)

// ProvideTransport adds a transport that Config.Transport can name. ctor is a
// constructor as fx.Provide takes them, whose first result implements
// [core.Transport]. It is called even if another transport is chosen, and so
// must not start anything.
func ProvideTransport(ctor any) fx.Option {
	return providePart[core.Transport]("ProvideTransport", "UseTransport", ctor, `group:"mesh.transports"`)
}

// ProvideCodec adds a codec that Config.Codec can name, as [ProvideTransport]
// does. Every codec added is understood, whichever is preferred.
func ProvideCodec(ctor any) fx.Option {
	return providePart[core.Codec]("ProvideCodec", "UseCodec", ctor, `group:"mesh.codecs"`)
}

// ProvideDiscovery adds a discovery that Config.Discovery can name, as
// [ProvideTransport] does.
func ProvideDiscovery(ctor any) fx.Option {
	return providePart[core.Discovery]("ProvideDiscovery", "UseDiscovery", ctor, `group:"mesh.discoveries"`)
}

// UseTransport makes the mesh use t, whatever Config.Transport names. An
// application does so once; fx.Supply(t), which knows t by its own type and not as
// a [core.Transport], would have no effect.
func UseTransport(t core.Transport) fx.Option { return usePart("UseTransport", t) }

// UseCodec makes the mesh prefer c, whatever Config.Codec names, as [UseTransport]
// does.
func UseCodec(c core.Codec) fx.Option { return usePart("UseCodec", c) }

// UseDiscovery makes the mesh use d, whatever Config.Discovery names, as
// [UseTransport] does.
func UseDiscovery(d core.Discovery) fx.Option { return usePart("UseDiscovery", d) }

// UseObserver lets o see what happens in the mesh, as [WithObserver] does.
func UseObserver(o core.Observer) fx.Option { return usePart("UseObserver", o) }

func providePart[T any](helper, forValues string, ctor any, group string) fx.Option {
	if bad := checkPart[T](helper, forValues, ctor); bad != nil {
		return fx.Error(bad)
	}
	return fx.Provide(fx.Annotate(ctor, fx.As(new(T)), fx.ResultTags(group)))
}

// checkPart tells what is wrong with the constructor of a part: fx would do so as
// well, in other words.
func checkPart[T any](helper, forValues string, ctor any) error {
	want := reflect.TypeFor[T]()
	bad := &core.ConfigError{Field: helper, Value: typeName(ctor),
		Allowed: "a constructor whose first result implements " + want.String()}
	got := reflect.TypeOf(ctor)
	switch {
	case got == nil:
	case got.Implements(want):
		bad.Allowed += "; for a value there is " + forValues
	case isnil.Value(ctor):
		bad.Value = nil
	case got.Kind() != reflect.Func || got.NumOut() == 0:
	case got.Out(0).Implements(want):
		return nil
	case reflect.PointerTo(got.Out(0)).Implements(want):
		bad.Allowed += ", as *" + got.Out(0).String() + " does"
	}
	return bad
}

func usePart[T any](helper string, part T) fx.Option {
	if isnil.Value(part) {
		return fx.Error(nilValue[T](helper))
	}
	return fx.Provide(func() T { return part })
}

func typeName(v any) string {
	if v == nil {
		return "nil"
	}
	return reflect.TypeOf(v).String()
}
