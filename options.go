package mesh

import (
	"log/slog"

	"github.com/socketmesh/mesh/core"
)

// Option gives [New] what a [Config] cannot hold.
type Option func(*assembly)

// WithTransport makes the mesh use t, whatever Config.Transport names.
func WithTransport(t core.Transport) Option {
	return func(a *assembly) { a.transport = t }
}

// WithCodec makes the mesh prefer c, whatever Config.Codec names. The built-in
// codecs are understood beside it.
func WithCodec(c core.Codec) Option {
	return func(a *assembly) { a.codec = c }
}

// WithDiscovery makes the mesh use d, whatever Config.Discovery names.
func WithDiscovery(d core.Discovery) Option {
	return func(a *assembly) { a.discovery = d }
}

// WithLogger lets the mesh log. Default: it is silent.
func WithLogger(l *slog.Logger) Option {
	return func(a *assembly) { a.logger = l }
}

// WithObserver lets o see what happens in the mesh, for metrics and tests.
func WithObserver(o core.Observer) Option {
	return func(a *assembly) { a.observer = o }
}
