package mesh

import (
	"fmt"
	"log/slog"
	"net/http"
	"reflect"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/socketio"
)

// Module is the mesh for fx applications. It provides *[Mesh] and
// [socket.AdapterConstructor]. If the application asks for one of them, a mesh starts and
// stops with the application; otherwise none is made. The application closes its Socket.IO
// server itself, in a stop hook: that hook runs before the mesh's, which then sends what is
// still queued.
//
// Module takes from the application, all optional: a [Config]; a *slog.Logger; a
// [core.Observer]; the parts of [ProvideTransport], [ProvideCodec] and [ProvideDiscovery],
// from which Config chooses by name; a [core.Transport], [core.Codec] or [core.Discovery]
// provided as such, as by [UseTransport], which is used whatever Config names; a
// [socketio.ClientOptions]; and the wrappers of [ProvideAdapterWrapper] and
// [ProvideHostWrapper].
var Module = fx.Module("mesh",
	fx.Provide(
		newForFx,
		(*Mesh).Adapter,
	),
)

// NamedModule is a further mesh in the same application. It provides what [Module] does
// under a name: ask for it with the tag `name:"…"`. It takes the application's
// *slog.Logger, and everything else from cfg and options, so that meshes share nothing.
// Each mesh needs its own Listen.
func NamedModule(name string, cfg Config, options ...Option) fx.Option {
	if name == "" {
		return fx.Error(&core.ConfigError{Field: "NamedModule", Value: name, Allowed: "a name; without one there is Module"})
	}
	tag := fmt.Sprintf("name:%q", name)
	construct := func(in fxEnv) (*Mesh, error) {
		b := &builder{config: cfg}
		if in.Logger != nil {
			b.logger = in.Logger.With("mesh", name)
		}
		b.take(options)
		return b.buildFor(in.Lifecycle)
	}
	return fx.Module("mesh "+name, fx.Provide(
		fx.Annotate(construct, fx.ResultTags(tag)),
		fx.Annotate((*Mesh).Adapter, fx.ParamTags(tag), fx.ResultTags(tag)),
	))
}

// fxEnv is what every mesh takes from its application, NamedModule's too.
type fxEnv struct {
	fx.In

	Lifecycle fx.Lifecycle
	Logger    *slog.Logger `optional:"true"`
}

// fxParams is what the application can provide for the mesh of [Module].
type fxParams struct {
	fx.In

	Config        Config                 `optional:"true"`
	ConfigPointer *Config                `optional:"true"`
	Observer      core.Observer          `optional:"true"`
	ClientOptions socketio.ClientOptions `optional:"true"`

	Metrics func(ops.Source) http.Handler `optional:"true"`

	Transports  []core.Transport `group:"mesh.transports"`
	Codecs      []core.Codec     `group:"mesh.codecs"`
	Discoveries []core.Discovery `group:"mesh.discoveries"`

	Transport core.Transport `optional:"true"`
	Codec     core.Codec     `optional:"true"`
	Discovery core.Discovery `optional:"true"`

	Adapters []wrapper[core.Adapter] `group:"mesh.adapters"`
	Hosts    []wrapper[core.Host]    `group:"mesh.hosts"`
}

func newForFx(in fxParams, around fxEnv) (*Mesh, error) {
	if in.ConfigPointer != nil {
		return nil, &core.ConfigError{Field: "Config", Value: "*mesh.Config", Allowed: "a mesh.Config provided, not a pointer to one"}
	}
	if err := checkDisjoint(in.Adapters); err != nil {
		return nil, err
	}
	if err := checkDisjoint(in.Hosts); err != nil {
		return nil, err
	}
	b := &builder{
		config:      in.Config,
		transports:  in.Transports,
		codecs:      in.Codecs,
		discoveries: in.Discoveries,
		transport:   in.Transport,
		codec:       in.Codec,
		discovery:   in.Discovery,
		logger:      around.Logger,
		observer:    in.Observer,
		clients:     in.ClientOptions,
		metrics:     in.Metrics,
		adapters:    in.Adapters,
		hosts:       in.Hosts,
	}
	return b.buildFor(around.Lifecycle)
}

// buildFor makes a mesh that starts and stops with an application. The context of Start
// ends with the start hook; the mesh goes on.
func (b *builder) buildFor(lifecycle fx.Lifecycle) (*Mesh, error) {
	m, err := b.build()
	if err != nil {
		return nil, blameEnvironment(err)
	}
	lifecycle.Append(fx.StartStopHook(m.Start, m.Shutdown))
	return m, nil
}

// ProvideTransport adds a transport that Config.Transport can name. ctor is a
// constructor as fx.Provide takes them, whose first result implements
// [core.Transport]. It is called even if another transport is chosen, and so
// must not start anything.
func ProvideTransport(ctor any) fx.Option {
	return providePart[core.Transport]("ProvideTransport", "UseTransport", ctor, `group:"mesh.transports"`)
}

// ProvideCodec adds a codec that Config.Codec can name, as [ProvideTransport] does. Every
// added codec is understood, whichever is preferred. A codec that has the name of a
// built-in one replaces it, and may wrap it.
func ProvideCodec(ctor any) fx.Option {
	return providePart[core.Codec]("ProvideCodec", "UseCodec", ctor, `group:"mesh.codecs"`)
}

// ProvideDiscovery adds a discovery that Config.Discovery can name, as
// [ProvideTransport] does.
func ProvideDiscovery(ctor any) fx.Option {
	return providePart[core.Discovery]("ProvideDiscovery", "UseDiscovery", ctor, `group:"mesh.discoveries"`)
}

// UseTransport makes the mesh use t, whatever Config.Transport names. Use it only once in
// an application. fx.Supply(t) would have no effect: it provides t under its own type, not
// as a [core.Transport].
func UseTransport(t core.Transport) fx.Option { return usePart("UseTransport", t) }

// UseCodec makes the mesh prefer c, whatever Config.Codec names, as [UseTransport]
// does.
func UseCodec(c core.Codec) fx.Option { return usePart("UseCodec", c) }

// UseDiscovery makes the mesh use d, whatever Config.Discovery names, as
// [UseTransport] does.
func UseDiscovery(d core.Discovery) fx.Option { return usePart("UseDiscovery", d) }

// UseObserver tells o what happens in the mesh, as [WithObserver] does.
func UseObserver(o core.Observer) fx.Option { return usePart("UseObserver", o) }

// UseMetrics serves metrics to operators, as [WithMetrics] does.
func UseMetrics(handler func(ops.Source) http.Handler) fx.Option {
	return usePart("UseMetrics", handler)
}

func providePart[T any](helper, forValues string, ctor any, group string) fx.Option {
	if bad := checkPart[T](helper, forValues, ctor); bad != nil {
		return fx.Error(bad)
	}
	return fx.Provide(fx.Annotate(ctor, fx.As(new(T)), fx.ResultTags(group)))
}

// checkPart returns an error if ctor is no constructor of a part. fx would notice, too, but
// its message would not say what to use instead.
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

// ProvideAdapterWrapper wraps the adapter of namespaces in what ctor returns, as
// [WrapAdapter] does. ctor is a func(core.Adapter) core.Adapter, or returns another type
// that implements it; its further parameters come from the application:
//
//	func newAudit(inner core.Adapter, log *slog.Logger) *audit
//
// Several wrappers must be for different namespaces, because fx keeps no order in which
// they could be applied. To nest wrappers, make both in one ctor.
func ProvideAdapterWrapper(ctor any, namespaces ...string) fx.Option {
	o := wrapper[core.Adapter]{option: "ProvideAdapterWrapper", namespaces: namespaces}
	return provideWrapper(o, ctor, `group:"mesh.adapters"`, func(_ string, inner core.Adapter) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(&inner).Elem()}
	})
}

// ProvideHostWrapper wraps the host of namespaces in what ctor returns, as [WrapHost] does.
// ctor is a func(namespace string, h core.Host) core.Host; everything else is as with
// [ProvideAdapterWrapper].
func ProvideHostWrapper(ctor any, namespaces ...string) fx.Option {
	o := wrapper[core.Host]{option: "ProvideHostWrapper", namespaces: namespaces}
	return provideWrapper(o, ctor, `group:"mesh.hosts"`, func(namespace string, inner core.Host) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(namespace), reflect.ValueOf(&inner).Elem()}
	})
}

// provideWrapper turns ctor, whose first parameters are the values that lead returns, into
// a constructor that fx can call: one that takes only ctor's other parameters.
func provideWrapper[T any](o wrapper[T], ctor any, group string, lead func(string, T) []reflect.Value) fx.Option {
	var none T
	leading := lead("", none)
	if err := checkWrapperConstructor[T](o.option, ctor, leading); err != nil {
		return fx.Error(err)
	}
	call := reflect.ValueOf(ctor)
	var dependencies []reflect.Type
	for i := len(leading); i < call.Type().NumIn(); i++ {
		dependencies = append(dependencies, call.Type().In(i))
	}
	bind := func(given []reflect.Value) []reflect.Value {
		bound := o
		bound.wrap = func(namespace string, inner T) T {
			outer, _ := call.Call(append(lead(namespace, inner), given...))[0].Interface().(T)
			return outer
		}
		return []reflect.Value{reflect.ValueOf(bound)}
	}
	constructor := reflect.FuncOf(dependencies, []reflect.Type{reflect.TypeFor[wrapper[T]]()}, false)
	return fx.Provide(fx.Annotate(reflect.MakeFunc(constructor, bind).Interface(), fx.ResultTags(group)))
}

func checkWrapperConstructor[T any](option string, ctor any, leading []reflect.Value) error {
	result := reflect.TypeFor[T]()
	first := ""
	for _, value := range leading {
		first += value.Type().String() + ", "
	}
	bad := &core.ConfigError{Field: option, Value: typeName(ctor),
		Allowed: fmt.Sprintf("func(%s…) %s, or with a result that implements it", first, result)}
	got := reflect.TypeOf(ctor)
	if isnil.Value(ctor) || got.Kind() != reflect.Func || got.IsVariadic() ||
		got.NumIn() < len(leading) || got.NumOut() != 1 || !got.Out(0).Implements(result) {
		return bad
	}
	for i, value := range leading {
		if got.In(i) != value.Type() {
			return bad
		}
	}
	return nil
}

// checkDisjoint refuses two wrappers of one namespace: fx gives them in any order.
func checkDisjoint[T any](wrappers []wrapper[T]) error {
	for i, a := range wrappers {
		for _, b := range wrappers[i+1:] {
			if both := a.namespaces.overlap(b.namespaces); both != "" {
				return &core.ConfigError{Field: a.option, Value: both,
					Allowed: "one wrapper for each namespace, because fx keeps no order; to have one around another, make both in one constructor"}
			}
		}
	}
	return nil
}
