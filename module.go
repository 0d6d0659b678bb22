package mesh

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

// Module is the mesh for fx applications. It provides *[Mesh], [*core.Node] and
// [socket.AdapterConstructor]. Whoever asks for one of them gets a mesh that
// starts and stops with the application; if nobody asks, there is none.
//
// It takes, all optional: a [Config]; a *slog.Logger; a [core.Observer]; the
// parts of [ProvideTransport], [ProvideCodec] and [ProvideDiscovery], among
// which Config chooses by name; a [core.Transport], [core.Codec] or
// [core.Discovery] provided as such, which is used whatever Config names; a
// [socketio.Delivery]; and [OverrideAdapter].
var Module = fx.Module("mesh",
	fx.Provide(
		newForFx,
		(*Mesh).Node,
		(*Mesh).Adapter,
	),
)

// ProvideTransport adds a transport that Config.Transport can name. ctor is a
// constructor as fx.Provide takes them, whose first result implements
// [core.Transport]. It is called even if another transport is chosen, and so
// must not start anything.
func ProvideTransport(ctor any) fx.Option {
	return providePart(ctor, new(core.Transport), `group:"mesh.transports"`)
}

// ProvideCodec adds a codec that Config.Codec can name, as [ProvideTransport]
// does. Every codec added is understood, whichever is preferred.
func ProvideCodec(ctor any) fx.Option {
	return providePart(ctor, new(core.Codec), `group:"mesh.codecs"`)
}

// ProvideDiscovery adds a discovery that Config.Discovery can name, as
// [ProvideTransport] does.
func ProvideDiscovery(ctor any) fx.Option {
	return providePart(ctor, new(core.Discovery), `group:"mesh.discoveries"`)
}

func providePart(ctor, as any, group string) fx.Option {
	return fx.Provide(fx.Annotate(ctor, fx.As(as), fx.ResultTags(group)))
}

// OverrideAdapter puts wrap around the adapter of every namespace, as
// [WithOverrideAdapter] does. An application can do so once, because fx keeps no
// order in which several could be applied.
func OverrideAdapter(wrap func(core.Adapter) core.Adapter) fx.Option {
	return fx.Provide(func() adapterOverride { return wrap })
}

// adapterOverride is a type of its own so that fx can tell it from others.
type adapterOverride func(core.Adapter) core.Adapter

// ingredients are what the application gives to the mesh.
type ingredients struct {
	fx.In

	Config   Config            `optional:"true"`
	Logger   *slog.Logger      `optional:"true"`
	Observer core.Observer     `optional:"true"`
	Override adapterOverride   `optional:"true"`
	Delivery socketio.Delivery `optional:"true"`

	Transports  []core.Transport `group:"mesh.transports"`
	Codecs      []core.Codec     `group:"mesh.codecs"`
	Discoveries []core.Discovery `group:"mesh.discoveries"`

	Transport core.Transport `optional:"true"`
	Codec     core.Codec     `optional:"true"`
	Discovery core.Discovery `optional:"true"`
}

func newForFx(in ingredients, lifecycle fx.Lifecycle) (*Mesh, error) {
	a := &assembly{
		config:      in.Config,
		transports:  in.Transports,
		codecs:      in.Codecs,
		discoveries: in.Discoveries,
		transport:   in.Transport,
		codec:       in.Codec,
		discovery:   in.Discovery,
		logger:      in.Logger,
		observer:    in.Observer,
		delivery:    in.Delivery,
	}
	if in.Override != nil {
		a.overrides = append(a.overrides, in.Override)
	}
	m, err := a.build()
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.Hook{OnStart: m.Start, OnStop: m.Shutdown})
	return m, nil
}
