package mesh

import (
	"fmt"
	"slices"
	"strings"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/dns"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/discovery/static"
	"github.com/socketmesh/mesh/internal/isnil"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// Names of the built-in transports.
const (
	TransportWS   = "ws"
	TransportWSS  = "wss" // insists on TLS
	TransportQUIC = "quic"
)

// Names of the built-in kinds of discovery.
const (
	DiscoveryService = "service"
	DiscoveryStatic  = "static"
	DiscoveryDNS     = "dns"
)

// builtin is a part that comes with the mesh, and what the configuration needs to know of
// it.
type builtin[P part] struct {
	name string
	// schemes are the URL schemes that the part dials. Parts that are not built in may
	// implement [core.Schemer] instead.
	schemes []string
	// mountable parts can be reached through [Mesh.Handler].
	mountable bool
	// validate checks the fields that the part reads, and refuses fields that it would
	// ignore. dialled are the schemes of the transport.
	validate func(c Config, dialled []string) error
	// complete refuses a configuration without what the part needs. It is called when the
	// program has set all fields.
	complete func(c Config) error
	build    func(b *builder) P
}

var webSocketSchemes = []string{"ws", "wss"}

var builtinTransports = []builtin[core.Transport]{
	{
		name:      TransportWS,
		schemes:   webSocketSchemes,
		mountable: true,
		build:     func(b *builder) core.Transport { return ws.New(b.webSocket(false)) },
	}, {
		name:      TransportWSS,
		schemes:   []string{"wss"},
		mountable: true,
		complete:  Config.checkWSS,
		build:     func(b *builder) core.Transport { return ws.New(b.webSocket(true)) },
	}, {
		name:     TransportQUIC,
		schemes:  []string{"quic"},
		complete: Config.checkQUIC,
		build:    func(b *builder) core.Transport { return quic.New(b.quic()) },
	},
}

// "msgpack" has to be among the codecs: reference peers speak no other.
var builtinCodecs = []builtin[core.Codec]{
	{name: "json", build: func(*builder) core.Codec { return json.New() }},
	{name: "msgpack", build: func(*builder) core.Codec { return msgpack.New() }},
	{name: "proto", build: func(*builder) core.Codec { return proto.New() }},
}

var builtinDiscoveries = []builtin[core.Discovery]{
	{
		name:     DiscoveryService,
		schemes:  webSocketSchemes,
		validate: Config.checkService,
		build:    func(b *builder) core.Discovery { return service.NewClient(b.service()) },
	}, {
		name:     DiscoveryStatic,
		validate: Config.checkStatic,
		build:    func(b *builder) core.Discovery { return static.New(static.Options{Peers: b.config.Peers}) },
	}, {
		name:     DiscoveryDNS,
		validate: Config.checkDNS,
		complete: Config.needName,
		build:    func(b *builder) core.Discovery { return dns.New(b.dns()) },
	},
}

// findBuiltin returns the built-in part that is called name, or nil.
func findBuiltin[P part](table []builtin[P], name string) *builtin[P] {
	for i := range table {
		if table[i].name == name {
			return &table[i]
		}
	}
	return nil
}

// allSchemes returns the URL schemes of all built-in transports.
func allSchemes() []string {
	var schemes []string
	for _, t := range builtinTransports {
		for _, scheme := range t.schemes {
			if !slices.Contains(schemes, scheme) {
				schemes = append(schemes, scheme)
			}
		}
	}
	return schemes
}

// buildAll makes every part of a table. Parts do nothing until they are used.
func buildAll[P part](b *builder, table []builtin[P]) []P {
	parts := make([]P, len(table))
	for i := range table {
		parts[i] = table[i].build(b)
	}
	return parts
}

// part is what every transport, codec and discovery has.
type part interface{ Name() string }

// registry holds the parts of one kind that a configuration can choose from.
type registry[P part] struct {
	field string // the field of Config that names the choice
	parts []P
}

// newRegistry makes a registry of parts. Two of the same name are an error.
func newRegistry[P part](field string, parts ...P) (*registry[P], error) {
	s := &registry[P]{field: field}
	for _, p := range parts {
		if isnil.Value(p) {
			return nil, &core.ConfigError{Field: field, Value: nil, Allowed: "parts that are not nil; there are " + s.names()}
		}
		if _, taken := s.find(p.Name()); taken {
			return nil, &core.ConfigError{Field: field, Value: p.Name(),
				Allowed: "one part of each name; there are already " + s.names()}
		}
		s.parts = append(s.parts, p)
	}
	return s, nil
}

// pick returns the part that is called name.
func (s *registry[P]) pick(name string) (P, error) {
	p, ok := s.find(name)
	if !ok {
		return p, &core.ConfigError{Field: s.field, Value: name, Allowed: "one of " + s.names()}
	}
	return p, nil
}

func (s *registry[P]) find(name string) (P, bool) {
	i := slices.IndexFunc(s.parts, func(p P) bool { return p.Name() == name })
	if i < 0 {
		var none P
		return none, false
	}
	return s.parts[i], true
}

// names lists what is registered, for messages.
func (s *registry[P]) names() string {
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = fmt.Sprintf("%q", p.Name())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// without returns all parts but the one called name, sorted by name: fx's value groups come
// in any order, in which two servers should not differ.
func (s *registry[P]) without(name string) []P {
	rest := slices.DeleteFunc(slices.Clone(s.parts), func(p P) bool { return p.Name() == name })
	slices.SortFunc(rest, func(a, b P) int { return strings.Compare(a.Name(), b.Name()) })
	return rest
}
