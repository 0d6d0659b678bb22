package mesh

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/internal/env"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/tlsfiles"
	"github.com/socketmesh/mesh/transport/ws"
)

// Config says how a server takes part in the mesh. The zero value of every field
// means the default named beside it; [ConfigFromEnv] reads the fields from the
// environment.
type Config struct {
	// Listen is the address at which peers are accepted: "host:port" or ":port"; port 0
	// picks a free one. [ListenHandler] needs no port: peers come in through Mesh.Handler,
	// with transports ws and wss. Default ":4000".
	Listen string
	// Advertise is the address under which peers reach this server. It must mean the same
	// on every server. Default: the transport's scheme, the host of Listen ("localhost" if
	// that is every interface) and its port, as "ws://localhost:4000"; a port 0 stands for
	// the port that was picked. "//host:port" leaves the scheme to the transport. With
	// [ListenHandler] there is no default: set the address at which the handler is mounted,
	// as "wss://app1.example:443/mesh". For transports that are not built in, the default
	// is the address they listen on.
	Advertise string

	// Transport names the transport. Built in are: "ws", the default, WebSockets; "wss",
	// WebSockets that insist on TLS; "quic", QUIC between Go servers, which authenticates
	// by TLS or, without certificates, by AuthToken. Addresses begin with a scheme of the
	// transport: ws://, wss:// or quic://.
	Transport string
	// TLS secures links. Default: "ws" links are not encrypted, and "quic" links are
	// secured by AuthToken.
	TLS TLS
	// Codec names the codec in which this server writes to peers that know it. Built in are
	// "json", the default; "proto"; and "msgpack", which is always used towards Node
	// servers. A server reads all codecs that it knows, so a running mesh can move from one
	// to another server by server.
	Codec string
	// Discovery names the way in which peers are found. Built in are: "service", which asks
	// the discovery service at DiscoveryAddress; "static", which dials Peers; and "dns",
	// which looks up the name in DiscoveryAddress and dials the result. Default "static" if
	// there are Peers, else "service".
	Discovery string
	// DiscoveryAddress is the WebSocket URL of the discovery service. Several, separated
	// by commas, are replicas that need not know each other: the server registers with each
	// of them. Default "ws://localhost:8000". With Discovery "dns" it is "host:port", whose
	// A and AAAA records are looked up, or the name of SRV records, as "_mesh._tcp.host";
	// servers are dialled with the scheme and path of Advertise.
	DiscoveryAddress string
	// Peers are the addresses of the other servers, for static discovery; this
	// server's own may be among them. Default none.
	Peers []string

	// Routing says which servers get an event for rooms. "all", the default: all of them.
	// "interest": those that have members of one of the rooms; servers with this setting
	// tell each other which rooms they have. Use it where most rooms are on few servers.
	Routing string

	// AuthToken is the secret that all servers of the mesh and the discovery
	// service share. Default "": anybody may join.
	AuthToken string
	// AuthTokenFile is a file whose first line is that secret. It is read again when it has
	// changed, so that the token can be changed without a restart: the tokens in its other
	// lines are accepted as well. Default: AuthToken is used. With Transport "quic" and no
	// certificates the file is read once, because connections are secured by the token
	// itself.
	AuthTokenFile string
	// AllowReferencePeers says whether servers of the Node.js reference may join. They send
	// the token itself and expect it from others, whereas Go servers prove to each other
	// that they have it. Over "ws" any address that is not a Go server counts as a
	// reference peer, so somebody who can add an address to the roster gets the token.
	// Default nil: they may join, unless there is TLS or the transport is "wss" or "quic".
	AllowReferencePeers *bool
	// AllowTLSProxies allows proxies between servers, and in front of the membership
	// service, that open TLS, or end it and open it anew, as a re-encrypting balancer does.
	// It is enough that one of the two servers allows it. Default: servers refuse links
	// through them, because a relay that a forged roster names looks the same. A proxy in
	// front of a server without TLS of its own is always allowed.
	AllowTLSProxies bool
	// AcceptToken is a second secret that is accepted beside AuthToken, while the servers
	// change one by one from one secret to the other. Default none.
	AcceptToken string
	// Role is what this process may do in the mesh: "server", the default; "emitter", which
	// acts on clients and sends events to servers, but makes no requests and receives
	// nothing; "observer", which asks servers about their state. An emitter or observer has
	// its own token in AuthToken, and dials the servers, which do not dial it.
	Role string
	// EmitterTokens and ObserverTokens are the secrets of processes that may be an emitter,
	// or an observer, and nothing more. They belong in the configuration of servers, beside
	// AuthToken. Give each program its own: of two programs that share a token, each can
	// pretend to the other to be a server. Default none.
	EmitterTokens, ObserverTokens []string
	// EmitterTokensFile and ObserverTokensFile are files with such tokens instead, one in
	// each line. They are read again when they have changed, so that a program gets or
	// loses its token without a restart of the servers. A file that becomes empty changes
	// nothing. Default none.
	EmitterTokensFile, ObserverTokensFile string

	// HeartbeatInterval is how often a link is pinged. Default
	// 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a peer may be silent before it counts as
	// gone. It must exceed HeartbeatInterval. Default 10 s, or twice the
	// interval if that is more.
	HeartbeatTimeout time.Duration
	// HandshakeTimeout is how long the handshake of a link may take. Default 10 s.
	HandshakeTimeout time.Duration
	// RequestTimeout is how long requests to other servers wait for answers if
	// they set no timeout of their own. Default 5 s.
	RequestTimeout time.Duration
	// RedialMin and RedialMax bound the delay before a lost or unreachable peer
	// is dialled again. Default 100 ms, and 30 s or RedialMin if that is more.
	RedialMin, RedialMax time.Duration
	// ResumeWindow is how long a link may be broken before messages published in the
	// meantime are lost. Reference servers cannot resume. Default 30 s.
	ResumeWindow time.Duration

	// DialNetworks are the networks in which other servers are dialled, as "10.0.0.0/8" or
	// "10.0.0.7". Addresses of discovery outside of them are ignored; a host name is judged
	// by the IP addresses that it resolves to. Default: all networks. Transports that are
	// not built in check names themselves.
	DialNetworks []string
	// DialPaths are the paths of ws:// and wss:// addresses at which other servers are
	// dialled, as "/mesh"; a path that ends in * stands for all with that prefix, as
	// "/nodes/*". No path and "/" are always allowed. Default: the paths of Advertise and
	// Peers.
	DialPaths []string
	// MaxDials is how many servers are dialled at once, and DialRate how many dials begin
	// in a second. A server that was linked before is dialled again without waiting.
	// Default 64 and 256.
	MaxDials, DialRate int

	// QueueBytes and QueueMessages limit what may wait for one peer for any length of time.
	// Above either, the peer loses volatile messages, and is cut if it takes less than
	// QueueMinRate for QueueSlowTime. Default 64 MiB and 262,144.
	QueueBytes    int
	QueueMessages int
	// MaxQueueBytes is the hard limit of the memory that is queued for one peer. Default
	// four times QueueBytes, 256 MiB.
	MaxQueueBytes int
	// QueueMinRate, in bytes per second, is how fast a peer above QueueBytes or
	// QueueMessages must take messages, and QueueSlowTime how long it may be slower.
	// Default a sixty-fourth of QueueBytes, 1 MiB, which empties that queue in about a
	// minute; and 10 s.
	QueueMinRate  int
	QueueSlowTime time.Duration
	// ReplayBytes limits the memory for messages that were sent to one peer and not
	// confirmed yet: they are sent again if the link breaks. At least 1 MiB; default 16
	// MiB.
	ReplayBytes int
	// InboxBytes limits what has been received from one peer for one namespace and not been
	// processed yet. Default 16 MiB.
	InboxBytes int
	// MaxFrame is the largest frame that is sent to a peer or taken from one,
	// in bytes. Default 100 MiB.
	MaxFrame int
	// MaxHandshakes limits the connections whose handshake is not complete. Default 1024.
	MaxHandshakes int
	// MaxPeersPerSource limits the servers that have dialled this one from one IP address,
	// or one /64 network of IPv6, and those that have dialled with certificates for the
	// same URIs from any address. Raise it where more servers share one of these: behind a
	// NAT or a sidecar, or with one SPIFFE ID. Below 0 there is no limit. Default 256.
	MaxPeersPerSource int

	// DrainRate is how many clients [Mesh.Drain] disconnects in a second if its caller does
	// not say. Default 200.
	DrainRate int
	// DrainTime is the longest time for which [Mesh.Run] sends clients to other servers
	// before it stops. If there are too many clients for DrainRate, they are disconnected
	// faster. The whole stop takes up to 5 s more. Default 5 s; below 0
	// (MESH_DRAIN_TIME=0): all clients are disconnected at once.
	DrainTime time.Duration

	// OpsListen is the address at which operators are served: health checks, metrics and
	// the state of the mesh, see [Mesh.OpsHandler]. "127.0.0.1:4100" or ":4100"; port 0
	// picks a free one. With a certificate in TLS it is HTTPS. Default "": operators are
	// not served.
	OpsListen string
	// OpsToken is the secret that operators send. Default: any secret that lets servers in,
	// from AuthToken, AcceptToken and AuthTokenFile.
	OpsToken string
	// OpsWritable lets operators act: emit to clients, and drain servers. Default: they can
	// only look.
	OpsWritable bool
	// OpsPprof lets operators take profiles of the process.
	OpsPprof bool
	// OpsReadyLinks is the percentage of the other servers in the roster to which this one
	// must have links to be ready. Default 50; -1: no links are needed.
	OpsReadyLinks int

	// misspelt are environment variables with the prefix MESH_ that no field has.
	// ConfigFromEnv finds them; New, which knows the logger, warns of them.
	misspelt []env.Misspelt
}

// Defaults of [Config]; those of the other fields are in [core.Config].
const (
	DefaultTransport        = TransportWS
	DefaultCodec            = "json"
	DefaultDiscoveryAddress = "ws://localhost:8000"
	DefaultDrainRate        = 200
	DefaultDrainTime        = 5 * time.Second
)

// ListenHandler is the Config.Listen of a server that accepts links on the port of the
// application's own HTTP server. See [Mesh.Handler].
const ListenHandler = ws.HandlerAddr

// withDefaults returns c with the defaults of this package; core has those of most numbers
// and times. The heartbeat's defaults are set here, too, because QUIC's options need them.
func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, core.DefaultListen)
	c.Transport = cmp.Or(c.Transport, DefaultTransport)
	c.Codec = cmp.Or(c.Codec, DefaultCodec)
	if allowed := c.advertisable(); allowed != nil {
		c.Advertise = cmp.Or(withScheme(c.Advertise, allowed[0]), defaultAdvertise(allowed[0], c.Listen))
	}
	if c.Discovery == "" && len(c.Peers) > 0 {
		c.Discovery = DiscoveryStatic
	}
	c.Discovery = cmp.Or(c.Discovery, DiscoveryService)
	if c.Discovery == DiscoveryService {
		c.DiscoveryAddress = cmp.Or(c.DiscoveryAddress, DefaultDiscoveryAddress)
	}
	c.DrainRate = cmp.Or(c.DrainRate, DefaultDrainRate)
	c.DrainTime = cmp.Or(c.DrainTime, DefaultDrainTime)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, core.DefaultHeartbeatInterval)
	c.HeartbeatTimeout = cmp.Or(c.HeartbeatTimeout, max(core.DefaultHeartbeatTimeout, 2*c.HeartbeatInterval))
	return c
}

// schemes are the URL schemes that c.Transport dials; nil if the transport is not built in.
func (c Config) schemes() []string {
	if t := findBuiltin(builtinTransports, c.Transport); t != nil {
		return t.schemes
	}
	return nil
}

// advertisable returns the schemes under which this server can be reached: with a
// certificate, a port of transport ws accepts TLS only.
func (c Config) advertisable() []string {
	if c.Transport == TransportWS && c.TLS.serves() && c.Listen != ListenHandler {
		return []string{"wss"}
	}
	return c.schemes()
}

// defaultAdvertise is the address under which a listener at listen can be dialled.
func defaultAdvertise(scheme, listen string) string {
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return "" // Validate reports what is wrong with Listen
	}
	return scheme + "://" + advertise.Local(listen)
}

// withScheme adds the transport's scheme to an address that begins with "//".
func withScheme(address, scheme string) string {
	if strings.HasPrefix(address, "//") {
		return scheme + ":" + address
	}
	return address
}

// node returns the fields of c that the node takes without change.
func (c Config) node() core.Config {
	return core.Config{
		Listen:            c.Listen,
		Advertise:         c.Advertise,
		Routing:           core.Routing(c.Routing),
		Role:              core.Role(c.Role),
		EmitterTokens:     tokensOf(c.EmitterTokens),
		ObserverTokens:    tokensOf(c.ObserverTokens),
		CertificateAllows: c.TLS.allows(),
		HeartbeatInterval: c.HeartbeatInterval,
		HeartbeatTimeout:  c.HeartbeatTimeout,
		HandshakeTimeout:  c.HandshakeTimeout,
		RequestTimeout:    c.RequestTimeout,
		RedialMin:         c.RedialMin,
		RedialMax:         c.RedialMax,
		ResumeWindow:      c.ResumeWindow,

		RefuseReferencePeers: !c.allowsReferencePeers(),
		AllowTLSProxies:      c.AllowTLSProxies,

		DialNetworks:  c.networks(),
		DialPaths:     c.dialPaths(),
		MaxDials:      c.MaxDials,
		DialRate:      c.DialRate,
		QueueBytes:    c.QueueBytes,
		QueueMessages: c.QueueMessages,
		MaxQueueBytes: c.MaxQueueBytes,
		QueueMinRate:  c.QueueMinRate,
		QueueSlowTime: c.QueueSlowTime,
		ReplayBytes:   c.ReplayBytes,
		InboxBytes:    c.InboxBytes,
		MaxFrame:      c.MaxFrame,
		MaxHandshakes: c.MaxHandshakes,

		MaxPeersPerSource: c.MaxPeersPerSource,
	}
}

// tokensOf wraps a fixed list of tokens in a function, as core.Config wants; nil if it is
// empty.
func tokensOf(tokens []string) func() []string {
	if len(tokens) == 0 {
		return nil
	}
	return func() []string { return tokens }
}

// allowsReferencePeers returns AllowReferencePeers, or its default.
func (c Config) allowsReferencePeers() bool {
	if c.AllowReferencePeers != nil {
		return *c.AllowReferencePeers
	}
	return c.TLS == TLS{} && c.Transport != TransportWSS && c.Transport != TransportQUIC
}

// networks returns DialNetworks, parsed; nil for all. Validation has refused malformed
// ones.
func (c Config) networks() []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range c.DialNetworks {
		if n, ok := parseNetwork(text); ok {
			networks = append(networks, n)
		}
	}
	return networks
}

// parseNetwork reads "10.0.0.0/8" or "10.0.0.7".
func parseNetwork(text string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), true
	}
	n, err := netip.ParsePrefix(text)
	return n.Masked(), err == nil
}

// dialPaths returns DialPaths or its default: a path that the operator has written in
// Advertise or Peers is allowed in addresses of discovery, too.
func (c Config) dialPaths() []string {
	if c.DialPaths != nil {
		return c.DialPaths
	}
	paths := []string{}
	for _, address := range append([]string{c.Advertise}, c.Peers...) {
		if u, err := url.Parse(address); err == nil && strings.HasPrefix(u.Path, "/") && !slices.Contains(paths, u.Path) {
			paths = append(paths, u.Path)
		}
	}
	return paths
}

// TLS says how links, and the connection to the discovery service, are secured. The zero
// value means that this server has no certificates: it accepts other servers without TLS,
// and a server at a wss:// address needs a certificate that the system trusts.
//
// Files are PEM. [New] reads them, and they are read again when they have changed: new
// links use their new content, existing links stay as they are.
type TLS struct {
	// CertFile holds this server's certificate, and the intermediate certificates up to its
	// authority. With it, other servers are accepted over TLS only. The servers that this
	// one dials get the certificate, too.
	CertFile string
	// KeyFile holds the certificate's private key. Default: it is in CertFile.
	KeyFile string
	// CAFile holds the authorities of the other servers' certificates. With it and
	// CertFile, servers that dial this one have to show such a certificate, too (mutual
	// TLS). Default: the system's authorities, and no certificate is needed to dial.
	CAFile string
	// ServerName is a name that the certificates of all servers are for, whatever their
	// addresses. It is checked at both ends. Default: the certificate of a server has to be
	// for the host that is dialled, and that of a dialler may be for any name.
	ServerName string
	// PeerURI is a URI that the certificates of all servers have, such as a SPIFFE ID,
	// "spiffe://example.org/ns/chat/sa/mesh". A * in it stands for any characters but a
	// slash. It is checked at both ends, instead of host names; CertFile and CAFile are
	// required. Default: URIs are not checked.
	PeerURI string
	// EmitterURI and ObserverURI are the URIs in certificates of processes that may only be
	// an emitter, or an observer: see Config.Role. Servers set them beside PeerURI; a
	// certificate that matches PeerURI may be any of the three. The token has to allow the
	// role, too. Default: only the token decides.
	EmitterURI, ObserverURI string

	// Config is a *tls.Config instead of the other fields: its RootCAs and ServerName are
	// for dialling, its ClientCAs, if diallers need a certificate, for accepting.
	Config *tls.Config
}

// serves reports whether there is a certificate with which to accept links.
func (t TLS) serves() bool { return t.CertFile != "" || peertls.CanServe(t.Config) }

// check checks what can be checked without reading files.
func (t TLS) check() error {
	files := TLS{t.CertFile, t.KeyFile, t.CAFile, t.ServerName, t.PeerURI, t.EmitterURI, t.ObserverURI, nil}
	switch {
	case t.Config != nil && files != TLS{}:
		return &core.ConfigError{Field: "TLS.Config", Value: "a *tls.Config", Allowed: "either that or the other fields of TLS"}
	case t.KeyFile != "" && t.CertFile == "":
		return &core.ConfigError{Field: "TLS.KeyFile", Value: t.KeyFile, Allowed: "a CertFile that it belongs to"}
	case t.PeerURI != "" && !peertls.IsURIPattern(t.PeerURI):
		return &core.ConfigError{Field: "TLS.PeerURI", Value: t.PeerURI, Allowed: allowedURI}
	case t.PeerURI != "" && t.ServerName != "":
		return &core.ConfigError{Field: "TLS.PeerURI", Value: t.PeerURI, Allowed: "either that or ServerName"}
	}
	return cmp.Or(t.checkRoleURI("TLS.EmitterURI", t.EmitterURI), t.checkRoleURI("TLS.ObserverURI", t.ObserverURI))
}

const allowedURI = `a URI, as "spiffe://example.org/ns/chat/sa/mesh", with * for any characters but a slash`

// checkRoleURI checks that a pattern of a role is a URI, and not the servers' own.
func (t TLS) checkRoleURI(field, pattern string) error {
	wrong := func(allowed string) error {
		return &core.ConfigError{Field: field, Value: pattern, Allowed: allowed}
	}
	switch {
	case pattern == "":
		return nil
	case !peertls.IsURIPattern(pattern):
		return wrong(allowedURI)
	case pattern == t.PeerURI:
		return wrong("another one than PeerURI: what fits that may be a server")
	}
	return nil
}

// allows returns a function that reports whether a certificate with the URIs in identity
// may have a role; nil if only the token decides.
func (t TLS) allows() func(identity string, role core.Role) bool {
	if t.EmitterURI == "" && t.ObserverURI == "" {
		return nil
	}
	return func(identity string, role core.Role) bool {
		return peertls.Fits(identity, t.PeerURI) ||
			role == core.RoleEmitter && peertls.Fits(identity, t.EmitterURI) ||
			role == core.RoleObserver && peertls.Fits(identity, t.ObserverURI)
	}
}

// material is what the fields of a TLS are turned into. config is nil without TLS; links is
// the same config for links between servers, where URIs are checked. roots returns the
// current authorities, and is nil unless there is a CAFile. expires returns when the
// current certificate expires, zero without one.
type material struct {
	config  *tls.Config
	links   *tls.Config
	roots   func() *x509.CertPool
	expires func() time.Time
}

// load reads the files and makes the TLS configurations.
func (t TLS) load(log *slog.Logger) (material, error) {
	if t == (TLS{}) || t.Config != nil {
		return material{config: t.Config, links: t.Config, expires: func() time.Time { return peertls.Expires(t.Config) }}, nil
	}
	if t.PeerURI != "" && (t.CertFile == "" || t.CAFile == "") {
		return material{}, &core.ConfigError{Field: "TLS.PeerURI", Value: t.PeerURI, Allowed: "a CertFile and a CAFile beside it"}
	}
	for field, uri := range map[string]string{"TLS.EmitterURI": t.EmitterURI, "TLS.ObserverURI": t.ObserverURI} {
		if uri != "" && t.PeerURI == "" {
			return material{}, &core.ConfigError{Field: field, Value: uri, Allowed: "a PeerURI beside it, that of servers"}
		}
	}
	source, err := tlsfiles.Open(tlsfiles.Files{Cert: t.CertFile, Key: t.KeyFile, CA: t.CAFile}, log)
	if bad, ok := errors.AsType[*tlsfiles.Error](err); ok {
		return material{}, &core.ConfigError{Field: "TLS." + bad.Field + "File", Value: bad.Path, Allowed: fileAllowed[bad.Field] + ": " + bad.Err.Error()}
	}
	if err != nil {
		return material{}, err
	}
	m := material{config: source.Config(t.ServerName), expires: source.Expires}
	if t.CAFile != "" {
		m.roots = source.RootCAs
	}
	m.links = m.config
	if t.PeerURI != "" {
		m.links = peertls.WithURIs(m.config, t.PeerURI, []string{t.EmitterURI, t.ObserverURI}, source.RootCAs)
	}
	return m, nil
}

// fileAllowed says what each file has to hold, for errors.
var fileAllowed = map[string]string{
	"Cert": "a PEM file with a certificate",
	"Key":  "a PEM file with the private key of that certificate",
	"CA":   "a PEM file with certificates of authorities",
}
