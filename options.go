package mesh

import (
	"cmp"
	"log/slog"
	"reflect"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
)

// Option gives [New] what a [Config] cannot hold. An option that is nil is none; one
// with a nil value is an error that names it.
type Option func(*assembly)

// notNil is an option with a value, which must not be nil.
func notNil[T any](option string, value T, use func(*assembly)) Option {
	if isnil.Value(value) {
		return func(a *assembly) {
			a.refused = cmp.Or(a.refused, error(nilValue[T](option)))
		}
	}
	return use
}

func nilValue[T any](option string) *core.ConfigError {
	return &core.ConfigError{Field: option, Value: nil, Allowed: "a " + reflect.TypeFor[T]().String()}
}

// take applies options.
func (a *assembly) take(options []Option) {
	for _, option := range options {
		if option != nil {
			option(a)
		}
	}
}

// WithTransport makes the mesh use t, whatever Config.Transport names.
func WithTransport(t core.Transport) Option {
	return notNil("WithTransport", t, func(a *assembly) { a.transport = t })
}

// WithCodec makes the mesh prefer c, whatever Config.Codec names. The built-in
// codecs are understood beside it.
func WithCodec(c core.Codec) Option {
	return notNil("WithCodec", c, func(a *assembly) { a.codec = c })
}

// WithDiscovery makes the mesh use d, whatever Config.Discovery names.
func WithDiscovery(d core.Discovery) Option {
	return notNil("WithDiscovery", d, func(a *assembly) { a.discovery = d })
}

// WithLogger lets the mesh log. Default: it is silent.
func WithLogger(l *slog.Logger) Option {
	return notNil("WithLogger", l, func(a *assembly) { a.logger = l })
}

// WithObserver lets o see what happens in the mesh, for metrics and tests.
func WithObserver(o core.Observer) Option {
	return notNil("WithObserver", o, func(a *assembly) { a.observer = o })
}
