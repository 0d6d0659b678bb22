package mesh

import (
	"cmp"
	"log/slog"
	"net/http"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/discovery/static"
	"github.com/socketmesh/mesh/socketio"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// assembly is what a mesh is put together from, with and without fx.
type assembly struct {
	config  Config
	refused error // the first option that was bad

	// Parts that Config can name, beside the built-in ones.
	transports  []core.Transport
	codecs      []core.Codec
	discoveries []core.Discovery

	// Parts that are used whatever Config names; nil where it decides.
	transport core.Transport
	codec     core.Codec
	discovery core.Discovery

	material material // of config.TLS
	logger   *slog.Logger
	observer core.Observer
	delivery socketio.Delivery

	// Overrides, the innermost first.
	adapters []override[core.Adapter]
	hosts    []override[core.Host]
}

// build makes the mesh. Nothing runs yet.
func (a *assembly) build() (*Mesh, error) {
	if a.refused != nil {
		return nil, a.refused
	}
	a.logger = cmp.Or(a.logger, slog.New(slog.DiscardHandler))
	if a.transport != nil {
		a.config.Transport = a.transport.Name()
	}
	if a.discovery != nil {
		a.config.Discovery = a.discovery.Name()
	}
	if err := a.config.Validate(); err != nil {
		return nil, err
	}
	if err := cmp.Or(a.delivery.Validate(), checkOverrides(a.adapters), checkOverrides(a.hosts)); err != nil {
		return nil, err
	}
	a.config = a.config.withDefaults()
	var err error
	if a.material, err = a.config.TLS.load(a.logger); err != nil {
		return nil, err
	}
	transport, err := a.pickTransport()
	if err != nil {
		return nil, err
	}
	if err := a.config.adopt(transport); err != nil {
		return nil, err
	}

	cfg := a.config.node()
	cfg.Logger, cfg.Observer, cfg.Transport = a.logger, a.observer, transport
	if cfg.Codecs, err = a.pickCodecs(); err != nil {
		return nil, err
	}
	if cfg.Discovery, err = a.pickDiscovery(); err != nil {
		return nil, err
	}
	node, err := core.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Mesh{node: node, handler: handlerOf(transport), adapter: socketio.New(node, a.socketioOptions()...)}, nil
}

// handlerOf is that of a transport which can be mounted.
func handlerOf(t core.Transport) http.Handler {
	if t, ok := t.(interface{ Handler() http.Handler }); ok {
		return t.Handler()
	}
	return http.NotFoundHandler()
}

func (a *assembly) pickTransport() (core.Transport, error) {
	if a.transport != nil {
		return a.transport, nil
	}
	known, err := newShelf("Transport", append(a.builtinTransports(), a.transports...)...)
	if err != nil {
		return nil, err
	}
	return known.pick(a.config.Transport)
}

func (a *assembly) builtinTransports() []core.Transport {
	c := a.config
	webSocket := ws.Options{
		MaxFrame:         c.MaxFrame,
		HandshakeTimeout: c.HandshakeTimeout,
		TLS:              a.material.config,
		RootCAs:          a.material.roots,
		Logger:           a.logger,
	}
	secure := webSocket
	secure.Secure = true
	return []core.Transport{
		ws.New(webSocket),
		ws.New(secure),
		quic.New(quic.Options{
			MaxFrame:         c.MaxFrame,
			HandshakeTimeout: c.HandshakeTimeout,
			KeepAlive:        c.heartbeatInterval(),
			IdleTimeout:      c.heartbeatTimeout(),
			Token:            c.AuthToken,
			TLS:              a.material.config,
			RootCAs:          a.material.roots,
			Logger:           a.logger,
		}),
	}
}

// pickCodecs returns all codecs known, the preferred one first. That "msgpack"
// is among them is what lets reference peers in.
func (a *assembly) pickCodecs() ([]core.Codec, error) {
	known, err := newShelf("Codec", append([]core.Codec{json.New(), msgpack.New(), proto.New()}, a.codecs...)...)
	if err != nil {
		return nil, err
	}
	first := a.codec
	if first == nil {
		if first, err = known.pick(a.config.Codec); err != nil {
			return nil, err
		}
	}
	return append([]core.Codec{first}, known.without(first.Name())...), nil
}

func (a *assembly) pickDiscovery() (core.Discovery, error) {
	if a.discovery != nil {
		return a.discovery, nil
	}
	builtin := []core.Discovery{
		service.NewClient(service.ClientOptions{
			URL:       a.config.DiscoveryAddress,
			Token:     a.config.AuthToken,
			RedialMin: a.config.RedialMin,
			RedialMax: a.config.RedialMax,
			TLS:       a.material.config,
			RootCAs:   a.material.roots,
			Logger:    a.logger,
		}),
		static.New(static.Options{Peers: a.config.Peers}),
	}
	known, err := newShelf("Discovery", append(builtin, a.discoveries...)...)
	if err != nil {
		return nil, err
	}
	return known.pick(a.config.Discovery)
}
