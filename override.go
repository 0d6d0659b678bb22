package mesh

import (
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

// WithOverrideAdapter puts wrap around the adapter of namespaces, which then is
// what the Socket.IO server calls: it sees what the application asks of this
// server. To change some operations, embed the [core.Adapter] that wrap is given
// and define those methods. AddAll, Del and DelAll come for every join and leave of
// a local socket, and so must not call AddSockets or DelSockets.
//
// namespaces are names as "/chat", or beginnings of names as "/tenant-*"; none
// means every namespace. wrap is called when such a namespace is opened. If it
// returns nil or panics, that is logged, and the namespace works without the mesh.
// Given several times, the last wrap is the outermost.
func WithOverrideAdapter(wrap func(core.Adapter) core.Adapter, namespaces ...string) Option {
	o := override[core.Adapter]{option: "WithOverrideAdapter", namespaces: namespaces}
	if wrap != nil {
		o.wrap = func(_ string, a core.Adapter) core.Adapter { return wrap(a) }
	}
	return func(a *assembly) { a.adapters = append(a.adapters, o) }
}

// WithOverrideHost puts wrap around the host of namespaces, through which the mesh
// acts on the sockets of this server: it sees what is done to them, whether the
// application asked for it here or on a peer. Embed the [core.Host] that wrap is
// given. Otherwise it is as [WithOverrideAdapter].
func WithOverrideHost(wrap func(namespace string, h core.Host) core.Host, namespaces ...string) Option {
	o := override[core.Host]{option: "WithOverrideHost", namespaces: namespaces, wrap: wrap}
	return func(a *assembly) { a.hosts = append(a.hosts, o) }
}

// override is a wrap around one side of some namespaces.
type override[T any] struct {
	option     string // what it was given with, for errors
	namespaces scope
	wrap       func(namespace string, inner T) T
}

// checkOverrides tells whether they can be used, as far as that can be known
// before a namespace is opened.
func checkOverrides[T any](overrides []override[T]) error {
	for _, o := range overrides {
		if o.wrap == nil {
			return &core.ConfigError{Field: o.option, Value: nil, Allowed: "a function"}
		}
		if err := o.namespaces.check(o.option); err != nil {
			return err
		}
	}
	return nil
}

// around puts o around inner, if it is for that namespace.
func (o override[T]) around(namespace string, inner T) T {
	if !o.namespaces.has(namespace) {
		return inner
	}
	return o.wrap(namespace, inner)
}

func (a *assembly) socketioOptions() []socketio.Option {
	options := []socketio.Option{socketio.WithLogger(a.logger), socketio.WithDelivery(a.delivery)}
	for _, o := range a.adapters {
		options = append(options, socketio.WithOverrideAdapter(func(inner core.Adapter) core.Adapter {
			return o.around(inner.Namespace(), inner)
		}))
	}
	for _, o := range a.hosts {
		options = append(options, socketio.WithOverrideHost(o.around))
	}
	return options
}
