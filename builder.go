package mesh

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/dns"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/env"
	"github.com/socketmesh/mesh/internal/isnil"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/internal/tokenfile"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/socketio"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// builder collects what a mesh is made from, whether by New or by fx.
type builder struct {
	config  Config
	refused error // the error of the first bad option

	// Parts that Config can name, beside the built-in ones.
	transports  []core.Transport
	codecs      []core.Codec
	discoveries []core.Discovery

	// Parts that are used whatever Config names; nil where Config decides.
	transport core.Transport
	codec     core.Codec
	discovery core.Discovery

	material material        // loaded from config.TLS
	tokens   func() []string // accepted now; nil if config.AuthToken is the only one
	logger   *slog.Logger
	journal  *ops.Journal // keeps the last log lines
	observer core.Observer
	clients  socketio.ClientOptions
	metrics  func(ops.Source) http.Handler // nil for none

	// Wrappers, innermost first.
	adapters []wrapper[core.Adapter]
	hosts    []wrapper[core.Host]
}

// build makes the mesh. It starts nothing.
func (b *builder) build() (*Mesh, error) {
	if b.refused != nil {
		return nil, b.refused
	}
	b.journal = ops.NewJournal()
	b.logger = slog.New(b.journal.Around(cmp.Or(b.logger, slog.Default()).Handler()))
	if b.transport != nil {
		b.config.Transport = b.transport.Name()
	}
	if b.discovery != nil {
		b.config.Discovery = b.discovery.Name()
	}
	b.config = b.config.withDefaults()
	if err := b.config.validate(); err != nil {
		return nil, err
	}
	if err := cmp.Or(b.clients.Validate(), checkWrappers(b.adapters), checkWrappers(b.hosts)); err != nil {
		return nil, err
	}
	var err error
	if b.material, err = b.config.TLS.load(b.logger); err != nil {
		return nil, err
	}
	if err := b.readTokens(); err != nil {
		return nil, err
	}
	transport, err := b.pickTransport()
	if err != nil {
		return nil, err
	}
	if err := b.config.adopt(transport); err != nil {
		return nil, err
	}

	cfg := b.config.node()
	cfg.Logger, cfg.Observer, cfg.Transport = b.logger, b.observer, transport
	cfg.AuthToken, cfg.Tokens = b.config.AuthToken, b.tokens
	if err := b.readRoleTokens(&cfg); err != nil {
		return nil, err
	}
	if cfg.Codecs, err = b.pickCodecs(); err != nil {
		return nil, err
	}
	if cfg.Discovery, err = b.pickDiscovery(); err != nil {
		return nil, err
	}
	n, err := node.New(cfg, cluster.New)
	if err != nil {
		return nil, err
	}
	m := &Mesh{
		node:      n,
		handler:   handlerOf(transport),
		adapter:   socketio.New(n, b.socketioOptions()...),
		expires:   b.material.expires,
		drainRate: b.config.DrainRate,
		drainTime: b.config.DrainTime,
		log:       b.logger,
	}
	env.WarnOf(b.config.misspelt, b.logger)
	o := b.opsOptions(m.adapter)
	if b.metrics != nil {
		o.Metrics = b.metrics(m)
	}
	m.ops = &opsServer{listen: b.config.OpsListen, tls: b.material.config, handler: ops.NewHandler(m, o), log: b.logger}
	if !b.config.TLS.serves() {
		m.ops.tls = nil
	}
	n.OnAsk(m.ops.handler.Answer)
	return m, nil
}

// readTokens reads the token file, and sets config.AuthToken to its current token.
func (b *builder) readTokens() error {
	switch {
	case b.config.AuthTokenFile != "":
		file, err := tokenfile.Open(b.config.AuthTokenFile, b.logger)
		if err != nil {
			return &core.ConfigError{Field: "AuthTokenFile", Value: b.config.AuthTokenFile, Allowed: "a file with a token in its first line: " + err.Error()}
		}
		b.tokens, b.config.AuthToken = file.Tokens, file.Tokens()[0]
	case b.config.AcceptToken != "":
		both := []string{b.config.AuthToken, b.config.AcceptToken}
		b.tokens = func() []string { return both }
	}
	return nil
}

// readRoleTokens reads the token files of emitters and observers. When the node starts,
// their tokens must differ from those of servers and of the other role. If a file changes
// later, a token that servers have stays one of servers.
func (b *builder) readRoleTokens(cfg *core.Config) error {
	servers := []string{b.config.AuthToken, b.config.AcceptToken}
	if b.tokens != nil {
		servers = b.tokens()
	}
	files := []struct {
		field, path    string
		tokens, others *func() []string
	}{
		{"EmitterTokensFile", b.config.EmitterTokensFile, &cfg.EmitterTokens, &cfg.ObserverTokens},
		{"ObserverTokensFile", b.config.ObserverTokensFile, &cfg.ObserverTokens, &cfg.EmitterTokens},
	}
	for _, f := range files {
		if f.path == "" {
			continue
		}
		file, err := tokenfile.Open(f.path, b.logger)
		if err != nil {
			return &core.ConfigError{Field: f.field, Value: f.path, Allowed: "a file with a token in each line: " + err.Error()}
		}
		*f.tokens = file.Tokens
		others := servers
		if *f.others != nil {
			others = slices.Concat(servers, (*f.others)())
		}
		if slices.ContainsFunc(file.Tokens(), func(token string) bool { return slices.Contains(others, token) }) {
			return &core.ConfigError{Field: f.field, Value: f.path, Allowed: distinctTokens}
		}
	}
	return nil
}

// handlerOf returns the handler of a transport that can be mounted, else one that answers
// 404.
func handlerOf(t core.Transport) http.Handler {
	if t, ok := t.(interface{ Handler() http.Handler }); ok {
		return t.Handler()
	}
	return http.NotFoundHandler()
}

func (b *builder) pickTransport() (core.Transport, error) {
	if b.transport != nil {
		return b.transport, nil
	}
	known, err := newRegistry("Transport", append(buildAll(b, builtinTransports), b.transports...)...)
	if err != nil {
		return nil, err
	}
	return known.pick(b.config.Transport)
}

// webSocket returns the options of transport ws or, if secure, wss.
func (b *builder) webSocket(secure bool) ws.Options {
	return ws.Options{
		MaxFrame:         b.config.MaxFrame,
		HandshakeTimeout: b.config.HandshakeTimeout,
		TLS:              b.material.links,
		RootCAs:          b.material.roots,
		Secure:           secure,
		Networks:         b.config.networks(),
		Logger:           b.logger,
	}
}

func (b *builder) quic() quic.Options {
	return quic.Options{
		MaxFrame:         b.config.MaxFrame,
		HandshakeTimeout: b.config.HandshakeTimeout,
		KeepAlive:        b.config.HeartbeatInterval,
		IdleTimeout:      b.config.HeartbeatTimeout,
		AuthToken:        b.config.AuthToken,
		Networks:         b.config.networks(),
		TLS:              b.material.links,
		RootCAs:          b.material.roots,
		Logger:           b.logger,
	}
}

// pickCodecs returns all known codecs, the preferred one first. A codec of the application
// replaces the built-in one of the same name, so that it can wrap it.
func (b *builder) pickCodecs() ([]core.Codec, error) {
	known, err := newRegistry("Codec", slices.Concat(b.codecs, b.otherCodecs())...)
	if err != nil {
		return nil, err
	}
	first := b.codec
	if first == nil {
		if first, err = known.pick(b.config.Codec); err != nil {
			return nil, err
		}
	}
	return append([]core.Codec{first}, known.without(first.Name())...), nil
}

// otherCodecs returns the built-in codecs whose names no codec of the application has.
func (b *builder) otherCodecs() []core.Codec {
	return slices.DeleteFunc(buildAll(b, builtinCodecs), func(builtin core.Codec) bool {
		return slices.ContainsFunc(b.codecs, func(c core.Codec) bool { return !isnil.Value(c) && c.Name() == builtin.Name() })
	})
}

func (b *builder) pickDiscovery() (core.Discovery, error) {
	if b.discovery != nil {
		return b.discovery, nil
	}
	if d := findBuiltin(builtinDiscoveries, b.config.Discovery); d != nil && d.complete != nil {
		if err := d.complete(b.config); err != nil {
			return nil, err
		}
	}
	known, err := newRegistry("Discovery", append(buildAll(b, builtinDiscoveries), b.discoveries...)...)
	if err != nil {
		return nil, err
	}
	return known.pick(b.config.Discovery)
}

func (b *builder) service() service.ClientOptions {
	return service.ClientOptions{
		URL:              b.config.DiscoveryAddress,
		AuthToken:        b.config.AuthToken,
		RefusePlainToken: !b.config.allowsReferencePeers(),
		AllowTLSProxies:  b.config.AllowTLSProxies,
		Tokens:           b.tokens,
		RedialMin:        b.config.RedialMin,
		RedialMax:        b.config.RedialMax,
		TLS:              b.material.config,
		RootCAs:          b.material.roots,
		Logger:           b.logger,
	}
}

// dns returns the options for looking up DiscoveryAddress, which is valid if discovery is
// "dns". Servers are dialled with the scheme and path of this server's own address.
func (b *builder) dns() dns.Options {
	o, err := dns.ParseName(b.config.DiscoveryAddress)
	if err != nil {
		return dns.Options{}
	}
	if u, err := url.Parse(b.config.Advertise); err == nil {
		o.Scheme, o.Path = u.Scheme, u.Path
	}
	o.Logger = b.logger
	return o
}

func (b *builder) socketioOptions() []socketio.Option {
	options := []socketio.Option{socketio.WithLogger(b.logger), socketio.WithClientOptions(b.clients)}
	for _, o := range b.adapters {
		options = append(options, socketio.WrapAdapter(func(inner core.Adapter) core.Adapter {
			return o.around(inner.Namespace(), inner)
		}))
	}
	for _, o := range b.hosts {
		options = append(options, socketio.WrapHost(o.around))
	}
	return options
}
