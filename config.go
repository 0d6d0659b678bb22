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
	// Listen is where peers are accepted: "host:port", ":port", or port 0 for a
	// free one. [ListenHandler] needs no port: peers come in through Mesh.Handler,
	// with transports ws and wss. Default ":4000".
	Listen string
	// Advertise is the address under which peers reach this server. It must
	// mean the same from everywhere. Default: the transport's scheme, the host of
	// Listen ("localhost" if that is every interface) and its port, as
	// "ws://localhost:4000"; a port 0 stands for the one it really listens on.
	// "//host:port" leaves the scheme to the transport. With [ListenHandler] there
	// is no default: it is where the handler is mounted, as
	// "wss://app1.example:443/mesh". For transports that are
	// not built in, the default is the address they listen on.
	Advertise string

	// Transport names the transport. Built in: "ws", the default, WebSockets;
	// "wss", the same with TLS and nothing else; "quic", QUIC between Go servers,
	// which authenticates by TLS or, without that, by AuthToken. Addresses begin
	// with their scheme, ws://, wss:// or quic://, and have to fit.
	Transport string
	// TLS secures links. Default: they are in the clear with "ws", and secured by
	// AuthToken with "quic".
	TLS TLS
	// Codec names the codec in which this server writes to others, if they know
	// it. Built in: "json", the default; "proto"; and "msgpack", in which Node
	// servers are spoken to in any case. Every codec known is understood, so a
	// running mesh can move from one to another server by server.
	Codec string
	// Discovery names how peers are found. Built in: "service", which asks the
	// discovery service at DiscoveryAddress; "static", which dials Peers; and "dns", which
	// dials what the name in DiscoveryAddress stands for. Default "static" if there are
	// Peers, else "service".
	Discovery string
	// DiscoveryAddress is the WebSocket URL of the discovery service. Several, separated
	// by commas, are replicas that need not know each other: the server registers with
	// each of them. Default "ws://localhost:8000". With Discovery "dns" it is "host:port",
	// of which A and AAAA records are looked up, or a name of SRV records, as
	// "_mesh._tcp.host"; servers are dialled with the scheme and path of Advertise.
	DiscoveryAddress string
	// Peers are the addresses of the other servers, for static discovery; this
	// server's own may be among them. Default none.
	Peers []string

	// Routing says to which servers an event for rooms goes. "all", the default:
	// to all of them. "interest": to those that have members of one of the rooms;
	// the servers that are set so keep each other informed. Worth it where most
	// rooms are on few servers.
	Routing string

	// AuthToken is the secret that all servers of the mesh and the discovery
	// service share. Default "": anybody may join.
	AuthToken string
	// AuthTokenFile is a file with that secret, in its first line. It is read again
	// when it has changed, so that a token can be changed without a restart: other
	// lines are tokens that are accepted as well. Default: AuthToken counts. With
	// Transport "quic" and no certificates the file is read once, because connections
	// are secured by the token itself.
	AuthTokenFile string
	// AllowReferencePeers says whether servers of the reference, on Node.js, may join, which
	// cannot do without the token itself: they send it as it is, and are sent it. Go servers
	// prove to each other that they have it. Over "ws" an address that is not a Go server's
	// passes for one of the reference, so that whoever can add it to the roster gets the
	// token. Default nil: they may, except with TLS, and "wss" or "quic".
	AllowReferencePeers *bool
	// AllowTLSProxies allows proxies between servers, and before the discovery service, that
	// end TLS and open it anew, as a re-encrypting balancer does. Default:
	// servers refuse each other then, because a relay that a false roster names does the
	// same. A proxy before a server without TLS of its own needs no leave.
	AllowTLSProxies bool
	// AcceptToken is a second secret that is accepted beside AuthToken, while one takes
	// the place of the other server by server. Default none.
	AcceptToken string
	// Role is what this process may do in the mesh: "server", the default; "emitter",
	// which acts on clients and sends events to servers, and asks and gets nothing;
	// "observer", which asks servers about their state. An emitter or observer has its own token in
	// AuthToken, and dials the servers, which do not dial it.
	Role string
	// EmitterTokens and ObserverTokens are the secrets of processes that may be an emitter,
	// or an observer, and nothing more. They belong in the configuration of servers, beside
	// AuthToken. Give each program its own: those that share one can pass for a server to
	// each other. Default none.
	EmitterTokens, ObserverTokens []string
	// EmitterTokensFile and ObserverTokensFile are files with such tokens instead, one in
	// each line. They are read again when they have changed, so that a program gets its
	// token, or loses it, without a restart of the servers. A file that becomes empty
	// changes nothing. Default none.
	EmitterTokensFile, ObserverTokensFile string

	// HeartbeatInterval is how often a link is pinged. Default
	// 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a peer may be silent before it counts as
	// gone. It must exceed HeartbeatInterval. Default 10 s, or twice the
	// interval if that is more.
	HeartbeatTimeout time.Duration
	// HandshakeTimeout is how long the beginning of a link may take. Default
	// 10 s.
	HandshakeTimeout time.Duration
	// RequestTimeout is how long requests to other servers wait for answers if
	// they set no timeout of their own. Default 5 s.
	RequestTimeout time.Duration
	// RedialMin and RedialMax bound the delay before a lost or unreachable peer
	// is dialled again. Default 100 ms, and 30 s or RedialMin if that is more.
	RedialMin, RedialMax time.Duration
	// ResumeWindow is for how long a link that broke may be gone before what was
	// published meanwhile is lost. Servers of the reference cannot resume. Default 30 s.
	ResumeWindow time.Duration

	// DialNetworks are the networks in which other servers are dialled, as "10.0.0.0/8"
	// or "10.0.0.7". What discovery says of others is ignored, names by what they stand
	// for. Default: all. Transports that are not built in judge names themselves.
	DialNetworks []string
	// DialPaths are the paths of ws:// and wss:// addresses at which other servers are
	// dialled, as "/mesh"; one that ends in * stands for all that begin so, as "/nodes/*".
	// No path and "/" are always among them. Default: the paths of Advertise and Peers.
	DialPaths []string
	// MaxDials is how many servers are dialled at once, and DialRate how many dials begin
	// in a second. A server that was linked before is dialled again without waiting.
	// Default 64 and 256.
	MaxDials, DialRate int

	// QueueBytes is how much memory what waits to be sent to one peer may take for
	// as long as it takes, and QueueMessages how many messages that may be. A peer
	// for which more waits loses volatile messages, and is cut if it takes less than
	// QueueMinRate for QueueSlowTime. Default 64 MiB and 262,144.
	QueueBytes    int
	QueueMessages int
	// MaxQueueBytes is how much memory what waits for one peer may take at all.
	// Default four times QueueBytes, 256 MiB.
	MaxQueueBytes int
	// QueueMinRate, in bytes per second, and QueueSlowTime say what a peer has to
	// take that is over QueueBytes or QueueMessages. Default a sixty-fourth of
	// QueueBytes, 1 MiB, with which that much is taken in about a minute; and 10 s.
	QueueMinRate  int
	QueueSlowTime time.Duration
	// ReplayBytes is how much memory the messages may take that were sent to one peer and
	// have not been confirmed: they are sent again if the link breaks. At least 1 MiB;
	// default 16 MiB.
	ReplayBytes int
	// InboxBytes bounds what has been received from one peer for one namespace
	// and waits for its turn. Default 16 MiB.
	InboxBytes int
	// MaxFrame is the largest frame that is sent to a peer or taken from one,
	// in bytes. Default 100 MiB.
	MaxFrame int
	// MaxHandshakes bounds the connections that have not said who they are.
	// Default 1024.
	MaxHandshakes int
	// MaxPeersPerSource bounds the servers that have dialled this one from one IP address,
	// or one /64 network of IPv6; and those that have dialled with certificates for the same
	// URIs, from wherever. Raise it where more servers share one: behind a NAT or a
	// sidecar, or a SPIFFE ID. Below 0 there is no bound. Default 256.
	MaxPeersPerSource int

	// DrainRate is how many clients [Mesh.Drain] sends away in a second, where its
	// caller does not say. Default 200.
	DrainRate int
	// DrainTime is how long [Mesh.Run] sends clients to other servers, at most, before
	// it stops; many clients go faster than DrainRate, so that all are told in time. The
	// whole stop takes up to 5 s more. Default 5 s; below 0 (MESH_DRAIN_TIME=0): it
	// disconnects all at once.
	DrainTime time.Duration

	// OpsListen is where operators are served: health checks, metrics and the state
	// of the mesh, see [Mesh.OpsHandler]. "127.0.0.1:4100" or ":4100"; port 0 picks a
	// free one. With a certificate in TLS it is HTTPS. Default "": nowhere.
	OpsListen string
	// OpsToken is the secret that operators show. Default: those that let servers in,
	// of AuthToken, AcceptToken and AuthTokenFile.
	OpsToken string
	// OpsWritable lets operators act: emit to clients, and drain servers. Default:
	// they look only.
	OpsWritable bool
	// OpsPprof lets operators take profiles of the process.
	OpsPprof bool
	// OpsReadyLinks is to how many of the other servers that discovery lists, in
	// percent, this one has to have links to be ready. Default 50; -1: to none.
	OpsReadyLinks int

	// misspelt are variables that nobody reads. ConfigFromEnv has found them; New, which
	// knows the logger, warns of them.
	misspelt []env.Misspelt
}

// Defaults of [Config], beside those of [core.Config].
const (
	DefaultTransport        = TransportWS
	DefaultCodec            = "json"
	DefaultDiscoveryAddress = "ws://localhost:8000"
	DefaultDrainRate        = 200
	DefaultDrainTime        = 5 * time.Second
)

// ListenHandler is the Config.Listen of a server that accepts others on the port
// of its own HTTP server. See [Mesh.Handler].
const ListenHandler = ws.HandlerAddr

// withDefaults returns c with the defaults of its own; those of most numbers and
// times are core's. The heartbeat's are here too, because QUIC has one of its own.
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

// schemes are those of the addresses that c.Transport dials; nil if it is not built in.
func (c Config) schemes() []string {
	if t := findBuiltin(builtinTransports, c.Transport); t != nil {
		return t.schemes
	}
	return nil
}

// advertisable are the schemes under which this server can be reached: a port of
// ws that has a certificate speaks TLS only.
func (c Config) advertisable() []string {
	if c.Transport == TransportWS && c.TLS.serves() && c.Listen != ListenHandler {
		return []string{"wss"}
	}
	return c.schemes()
}

// defaultAdvertise is the address that is dialled for what listens at listen.
func defaultAdvertise(scheme, listen string) string {
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return "" // Validate says what is wrong with Listen.
	}
	return scheme + "://" + advertise.Local(listen)
}

// withScheme completes an address that leaves its scheme to the transport.
func withScheme(address, scheme string) string {
	if strings.HasPrefix(address, "//") {
		return scheme + ":" + address
	}
	return address
}

// node is the part of c that a node takes as it is.
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

// tokensOf returns tokens as a node asks for them; nil if there are none.
func tokensOf(tokens []string) func() []string {
	if len(tokens) == 0 {
		return nil
	}
	return func() []string { return tokens }
}

// allowsReferencePeers is AllowReferencePeers with its default.
func (c Config) allowsReferencePeers() bool {
	if c.AllowReferencePeers != nil {
		return *c.AllowReferencePeers
	}
	return c.TLS == TLS{} && c.Transport != TransportWSS && c.Transport != TransportQUIC
}

// networks are DialNetworks; nil for all. Those that are none have been refused before.
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

// dialPaths are DialPaths, with their default: what the operator has written has to be
// good for what discovery says, too.
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

// TLS says how links, and the way to the discovery service, are secured. The zero
// value means without certificates of one's own: other servers are accepted
// without TLS, and a wss:// address has to have a certificate that the system
// trusts.
//
// Files are PEM. They are read by [New], and again when they have changed: new
// links use what is in them then, links that are up stay as they are.
type TLS struct {
	// CertFile holds this server's certificate, and those between it and its
	// authority. With it, other servers are accepted over TLS only. It is shown
	// to those that are dialled, too.
	CertFile string
	// KeyFile holds its private key. Default: CertFile does.
	KeyFile string
	// CAFile holds the authorities of the other servers' certificates. With it
	// and CertFile, those who dial have to show such a certificate: both ends
	// know each other. Default: the system's authorities, and diallers need no
	// certificate.
	CAFile string
	// ServerName is a name that the certificates of all servers are for, whatever
	// their addresses. It is checked at both ends. Default: a certificate has to
	// be for the host that is dialled, and a dialler's for any.
	ServerName string
	// PeerURI is a URI that the certificates of all servers have, such as a SPIFFE ID,
	// "spiffe://example.org/ns/chat/sa/mesh". A * in it stands for any characters but a
	// slash. It is checked at both ends, in the place of names; CertFile and CAFile are
	// needed. Default: URIs do not matter.
	PeerURI string
	// EmitterURI and ObserverURI are such URIs of processes that may be an emitter, or an
	// observer, and nothing more: see Config.Role. They matter to servers, beside PeerURI: a
	// certificate that fits that may be any of the three. The token has to allow the role,
	// too. Default: the token alone decides.
	EmitterURI, ObserverURI string

	// Config is all of that in one, for who has it: RootCAs and ServerName for
	// dialling, ClientCAs, if diallers need a certificate, for accepting. It takes
	// the place of the other fields.
	Config *tls.Config
}

// serves tells whether there is a certificate to accept others with.
func (t TLS) serves() bool { return t.CertFile != "" || peertls.CanServe(t.Config) }

// check looks at what can be seen without reading files.
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

// checkRoleURI wants a pattern that is not the servers'.
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

// allows tells whether a peer whose certificate has these URIs may be of a role; nil if
// that depends on its token alone.
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

// material is what a TLS comes down to: config is nil for none, links is the same for
// links between servers, roots are asked
// for the authorities of the moment, if there are any of one's own, and expires for
// when the certificate of the moment ends, zero without.
type material struct {
	config  *tls.Config
	links   *tls.Config
	roots   func() *x509.CertPool
	expires func() time.Time
}

// load reads the files.
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

// fileAllowed is what has to be in a file.
var fileAllowed = map[string]string{
	"Cert": "a PEM file with a certificate",
	"Key":  "a PEM file with the private key of that certificate",
	"CA":   "a PEM file with certificates of authorities",
}
