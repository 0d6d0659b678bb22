package mesh

import (
	"cmp"
	"log/slog"
	"net/http"
	"reflect"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/socketio"
)

// Option gives [New] what a [Config] cannot hold. New ignores a nil Option; an option that
// was made with a nil value is an error that names it.
type Option func(*builder)

// WithTransport makes the mesh use t, whatever Config.Transport names.
func WithTransport(t core.Transport) Option {
	return notNil("WithTransport", t, func(b *builder) { b.transport = t })
}

// WithCodec makes the mesh prefer c, whatever Config.Codec names. The built-in codecs are
// still understood, except one that has c's name: c replaces it, and may wrap it. Given
// several times, the last c is preferred and all are understood:
//
//	mesh.WithCodec(counted{msgpack.New()}), mesh.WithCodec(json.New())
func WithCodec(c core.Codec) Option {
	return notNil("WithCodec", c, func(b *builder) {
		if b.codec != nil {
			b.codecs = append(b.codecs, b.codec)
		}
		b.codec = c
	})
}

// WithDiscovery makes the mesh use d, whatever Config.Discovery names.
func WithDiscovery(d core.Discovery) Option {
	return notNil("WithDiscovery", d, func(b *builder) { b.discovery = d })
}

// WithLogger makes the mesh log to l. Default: slog.Default(). A logger of
// slog.DiscardHandler silences the mesh.
func WithLogger(l *slog.Logger) Option {
	return notNil("WithLogger", l, func(b *builder) { b.logger = l })
}

// WithObserver tells o what happens in the mesh, for metrics and tests.
func WithObserver(o core.Observer) Option {
	return notNil("WithObserver", o, func(b *builder) { b.observer = o })
}

// WithMetrics serves the handler that handler returns at /metrics of [Mesh.OpsHandler].
// [New] calls handler once, with the mesh that it is making; the mesh must not be used
// before the first request.
func WithMetrics(handler func(ops.Source) http.Handler) Option {
	return notNil("WithMetrics", handler, func(b *builder) { b.metrics = handler })
}

// WithClientOptions says how events get to the clients of this server: how much may wait
// for each, and whether the mesh or the Socket.IO library writes them.
func WithClientOptions(o socketio.ClientOptions) Option {
	return func(b *builder) { b.clients = o }
}

// WrapAdapter puts the result of wrap around the adapter of namespaces. The Socket.IO
// server then calls the wrapper, which sees what the application asks of this server. To
// change some operations, embed the [core.Adapter] that wrap is given and define those
// methods. AddAll, Del and DelAll are called for every join and leave of a local socket,
// and so must not call AddSockets or DelSockets.
//
// namespaces are names as "/chat", or prefixes of names as "/tenant-*"; none means every
// namespace. wrap is called when such a namespace is opened. If it returns nil or panics,
// that is logged, and the namespace works without the mesh. Given several times, the last
// wrap is the outermost.
//
// Wrapping switches off fast paths that a wrapper would not see: in its namespaces, the
// rooms of a local socket, FetchSockets and EmitWithAck go through the wrapper's methods,
// and answers to EmitWithAck may come in any order.
func WrapAdapter(wrap func(core.Adapter) core.Adapter, namespaces ...string) Option {
	o := wrapper[core.Adapter]{option: "WrapAdapter", namespaces: namespaces}
	if wrap != nil {
		o.wrap = func(_ string, a core.Adapter) core.Adapter { return wrap(a) }
	}
	return func(b *builder) { b.adapters = append(b.adapters, o) }
}

// WrapHost puts the result of wrap around the host of namespaces, through which the mesh
// acts on the sockets of this server. The wrapper sees what is done to them, whether the
// application asked for it on this server or on another. Embed the [core.Host] that wrap is
// given. Everything else is as with [WrapAdapter].
//
// Wrapping a host switches off a fast path in every namespace: FetchSockets gets this
// server's sockets from the host, too, instead of reading them while other servers answer.
func WrapHost(wrap func(namespace string, h core.Host) core.Host, namespaces ...string) Option {
	o := wrapper[core.Host]{option: "WrapHost", namespaces: namespaces, wrap: wrap}
	return func(b *builder) { b.hosts = append(b.hosts, o) }
}

// notNil returns an option that calls use, or one that refuses a nil value.
func notNil[T any](option string, value T, use func(*builder)) Option {
	if isnil.Value(value) {
		return func(b *builder) {
			b.refused = cmp.Or(b.refused, error(nilValue[T](option)))
		}
	}
	return use
}

func nilValue[T any](option string) *core.ConfigError {
	return &core.ConfigError{Field: option, Value: nil, Allowed: "a " + reflect.TypeFor[T]().String()}
}

// take applies options to b; nil ones are ignored.
func (b *builder) take(options []Option) {
	for _, option := range options {
		if option != nil {
			option(b)
		}
	}
}

// wrapper wraps the adapter or the host (T) of some namespaces.
type wrapper[T any] struct {
	option     string // the name of the option, for errors
	namespaces scope
	wrap       func(namespace string, inner T) T
}

// checkWrappers checks wrappers as far as that is possible before a namespace is opened.
func checkWrappers[T any](wrappers []wrapper[T]) error {
	for _, o := range wrappers {
		if o.wrap == nil {
			return &core.ConfigError{Field: o.option, Value: nil, Allowed: "a function"}
		}
		if err := o.namespaces.check(o.option); err != nil {
			return err
		}
	}
	return nil
}

// around wraps inner if the wrapper is for namespace, and otherwise returns inner.
func (o wrapper[T]) around(namespace string, inner T) T {
	if !o.namespaces.has(namespace) {
		return inner
	}
	return o.wrap(namespace, inner)
}

// scope is a set of namespaces: names, as "/chat", or prefixes of names, as "/tenant-*". An
// empty scope has all namespaces.
type scope []string

const scopeAllowed = `namespaces as "/chat" or "/tenant-*"`

// check checks that every pattern can match a namespace.
func (s scope) check(field string) error {
	for _, pattern := range s {
		if !strings.HasPrefix(pattern, "/") {
			return &core.ConfigError{Field: field, Value: pattern, Allowed: scopeAllowed}
		}
	}
	return nil
}

// has reports whether namespace is in the scope.
func (s scope) has(namespace string) bool {
	for _, pattern := range s.patterns() {
		if covers(pattern, namespace) {
			return true
		}
	}
	return false
}

// overlap returns a pattern for namespaces that are in both scopes; "" if there are none.
func (s scope) overlap(other scope) string {
	for _, a := range s.patterns() {
		for _, b := range other.patterns() {
			if covers(a, strings.TrimSuffix(b, "*")) {
				return b
			}
			if covers(b, strings.TrimSuffix(a, "*")) {
				return a
			}
		}
	}
	return ""
}

func (s scope) patterns() []string {
	if len(s) == 0 {
		return []string{"/*"}
	}
	return s
}

func covers(pattern, namespace string) bool {
	if beginning, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(namespace, beginning)
	}
	return pattern == namespace
}
