package mesh

import (
	"fmt"
	"log/slog"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

// Module is the mesh for fx applications. It provides *[Mesh], [*core.Node] and
// [socket.AdapterConstructor]. Whoever asks for one of them gets a mesh that
// starts and stops with the application; if nobody asks, there is none. Closing
// the Socket.IO server is for whoever makes it, in a stop hook of its own: that
// runs before the mesh's, which then sends what is left.
//
// It takes, all optional: a [Config]; a *slog.Logger; a [core.Observer]; the
// parts of [ProvideTransport], [ProvideCodec] and [ProvideDiscovery], among
// which Config chooses by name; a [core.Transport], [core.Codec] or
// [core.Discovery] provided as such, as by [UseTransport], which is used whatever
// Config names; a [socketio.Delivery]; and the overrides of [OverrideAdapter] and
// [OverrideHost].
var Module = fx.Module("mesh",
	fx.Provide(
		newForFx,
		(*Mesh).Node,
		(*Mesh).Adapter,
	),
)

// NamedModule is a further mesh in the same application: it provides what [Module]
// does, under a name, to be asked for with the tag `name:"…"`. It takes the
// application's *slog.Logger, and everything else from cfg and options, so that
// meshes share nothing. Each needs a Listen of its own.
func NamedModule(name string, cfg Config, options ...Option) fx.Option {
	if name == "" {
		return fx.Error(&core.ConfigError{Field: "NamedModule", Value: name, Allowed: "a name; without one there is Module"})
	}
	tag := fmt.Sprintf("name:%q", name)
	construct := func(in surroundings) (*Mesh, error) {
		a := &assembly{config: cfg}
		if in.Logger != nil {
			a.logger = in.Logger.With("mesh", name)
		}
		a.take(options)
		return a.buildFor(in.Lifecycle)
	}
	return fx.Module("mesh "+name, fx.Provide(
		fx.Annotate(construct, fx.ResultTags(tag)),
		fx.Annotate((*Mesh).Node, fx.ParamTags(tag), fx.ResultTags(tag)),
		fx.Annotate((*Mesh).Adapter, fx.ParamTags(tag), fx.ResultTags(tag)),
	))
}

// surroundings are what every mesh takes from its application.
type surroundings struct {
	fx.In

	Lifecycle fx.Lifecycle
	Logger    *slog.Logger `optional:"true"`
}

// ingredients are what the application gives to the mesh.
type ingredients struct {
	fx.In

	Config        Config            `optional:"true"`
	ConfigPointer *Config           `optional:"true"`
	Observer      core.Observer     `optional:"true"`
	Delivery      socketio.Delivery `optional:"true"`

	Transports  []core.Transport `group:"mesh.transports"`
	Codecs      []core.Codec     `group:"mesh.codecs"`
	Discoveries []core.Discovery `group:"mesh.discoveries"`

	Transport core.Transport `optional:"true"`
	Codec     core.Codec     `optional:"true"`
	Discovery core.Discovery `optional:"true"`

	Adapters []override[core.Adapter] `group:"mesh.adapters"`
	Hosts    []override[core.Host]    `group:"mesh.hosts"`
}

func newForFx(in ingredients, around surroundings) (*Mesh, error) {
	if in.ConfigPointer != nil {
		return nil, &core.ConfigError{Field: "Config", Value: "*mesh.Config", Allowed: "a mesh.Config provided, not a pointer to one"}
	}
	if err := checkDisjoint(in.Adapters); err != nil {
		return nil, err
	}
	if err := checkDisjoint(in.Hosts); err != nil {
		return nil, err
	}
	a := &assembly{
		config:      in.Config,
		transports:  in.Transports,
		codecs:      in.Codecs,
		discoveries: in.Discoveries,
		transport:   in.Transport,
		codec:       in.Codec,
		discovery:   in.Discovery,
		logger:      around.Logger,
		observer:    in.Observer,
		delivery:    in.Delivery,
		adapters:    in.Adapters,
		hosts:       in.Hosts,
	}
	return a.buildFor(around.Lifecycle)
}

// buildFor makes a mesh that lives as long as an application. Start's context ends
// with the hook; the mesh does not.
func (a *assembly) buildFor(lifecycle fx.Lifecycle) (*Mesh, error) {
	m, err := a.build()
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StartStopHook(m.Start, m.Shutdown))
	return m, nil
}
