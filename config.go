package mesh

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
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
	// discovery service at DiscoveryAddress, and "static", which dials Peers.
	// Default "static" if there are Peers, else "service".
	Discovery string
	// DiscoveryAddress is the WebSocket URL of the discovery service. Default
	// "ws://localhost:8000".
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
	// AcceptToken is a second secret that is accepted beside AuthToken, while one takes
	// the place of the other server by server. Default none.
	AcceptToken string

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
	// InboxBytes bounds what has been received from one peer for one namespace
	// and waits for its turn. Default 16 MiB.
	InboxBytes int
	// MaxFrame is the largest frame that is sent to a peer or taken from one,
	// in bytes. Default 100 MiB.
	MaxFrame int
	// MaxHandshakes bounds the connections that have not said who they are.
	// Default 1024.
	MaxHandshakes int

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
	// OpsToken is the secret that operators show. Default: AuthToken.
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
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "" // Validate says what is wrong with Listen.
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
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
		HeartbeatInterval: c.HeartbeatInterval,
		HeartbeatTimeout:  c.HeartbeatTimeout,
		HandshakeTimeout:  c.HandshakeTimeout,
		RequestTimeout:    c.RequestTimeout,
		RedialMin:         c.RedialMin,
		RedialMax:         c.RedialMax,
		QueueBytes:        c.QueueBytes,
		QueueMessages:     c.QueueMessages,
		MaxQueueBytes:     c.MaxQueueBytes,
		QueueMinRate:      c.QueueMinRate,
		QueueSlowTime:     c.QueueSlowTime,
		InboxBytes:        c.InboxBytes,
		MaxFrame:          c.MaxFrame,
		MaxHandshakes:     c.MaxHandshakes,
	}
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

	// Config is all of that in one, for who has it: RootCAs and ServerName for
	// dialling, ClientCAs, if diallers need a certificate, for accepting. It takes
	// the place of the other fields.
	Config *tls.Config
}

// serves tells whether there is a certificate to accept others with.
func (t TLS) serves() bool { return t.CertFile != "" || peertls.CanServe(t.Config) }

// check looks at what can be seen without reading files.
func (t TLS) check() error {
	files := TLS{t.CertFile, t.KeyFile, t.CAFile, t.ServerName, nil}
	switch {
	case t.Config != nil && files != TLS{}:
		return &core.ConfigError{Field: "TLS.Config", Value: "a *tls.Config", Allowed: "either that or the other fields of TLS"}
	case t.KeyFile != "" && t.CertFile == "":
		return &core.ConfigError{Field: "TLS.KeyFile", Value: t.KeyFile, Allowed: "a CertFile that it belongs to"}
	}
	return nil
}

// material is what a TLS comes down to: config is nil for none, roots are asked
// for the authorities of the moment, if there are any of one's own, and expires for
// when the certificate of the moment ends, zero without.
type material struct {
	config  *tls.Config
	roots   func() *x509.CertPool
	expires func() time.Time
}

// load reads the files.
func (t TLS) load(log *slog.Logger) (material, error) {
	if t == (TLS{}) || t.Config != nil {
		return material{config: t.Config, expires: func() time.Time { return peertls.Expires(t.Config) }}, nil
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
	return m, nil
}

// fileAllowed is what has to be in a file.
var fileAllowed = map[string]string{
	"Cert": "a PEM file with a certificate",
	"Key":  "a PEM file with the private key of that certificate",
	"CA":   "a PEM file with certificates of authorities",
}
