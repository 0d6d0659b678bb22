package core

import (
	"cmp"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/isnil"
)

// Config configures a node. Transport and Codecs are required; other fields may be zero,
// which means the default in their comment.
type Config struct {
	// ID is the node's id in the mesh. Default: 16 random hex digits. It must be new for
	// each process; set it in tests only.
	ID string
	// Listen is the address at which the transport accepts peers. Default ":4000".
	Listen string
	// Advertise is the address that peers dial. Default: none, for transports whose
	// Listener.Addr can be dialled as it is. Port 0 stands for the listener's port.
	Advertise string

	Transport Transport
	// Codecs are those that the node speaks, the preferred one first. Reference peers
	// need one with the name "msgpack".
	Codecs []Codec
	// Discovery finds the peers. Default: none; the node waits until others dial it.
	Discovery Discovery

	// Routing says to which peers an event for rooms is sent. Default
	// [RoutingAll].
	Routing Routing

	// AuthToken is shared by all nodes of the mesh; a peer with another token, or with
	// none, is refused. Default "": no token is required.
	AuthToken string
	// Tokens, if not nil, replaces AuthToken, for tokens that change while the node runs:
	// the first one is this node's own, all are accepted. It is called in each handshake,
	// by several goroutines concurrently. If it returns none, every peer is refused.
	Tokens func() []string

	// Role is the role of the node. A node with another role than [RoleServer] dials
	// servers and is not dialled. Default [RoleServer].
	Role Role
	// EmitterTokens and ObserverTokens return the tokens that allow a node to be an
	// emitter, or an observer, and nothing more. They are for servers, and are called
	// like Tokens. Default: none.
	EmitterTokens, ObserverTokens func() []string
	// CertificateAllows, if not nil, reports whether a peer that has dialled may have a
	// role, by the identity of its connection (see [Certified]), or "" if there is none.
	// Its token has to allow the role as well. It is called by several goroutines
	// concurrently. Default: certificates allow every role.
	CertificateAllows func(identity string, role Role) bool

	// RefuseReferencePeers forbids links with reference peers. They send the token in the
	// clear, and have to be sent it; Go nodes only prove to each other that they have it.
	// Default: links with reference peers are allowed.
	RefuseReferencePeers bool

	// AllowTLSProxies allows links through proxies that open TLS, or end it and open it
	// anew. Without it, both ends compare the values of [ChannelBinder], if their
	// connections have one, and refuse each other if the values differ. Default: such links
	// are not allowed.
	AllowTLSProxies bool

	// HeartbeatInterval is how often a link is pinged, and how often reference peers get
	// a heartbeat for each namespace. Default 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a link may be silent before it is ended. It must
	// exceed the interval. Default 10 s.
	HeartbeatTimeout time.Duration
	// HandshakeTimeout is how long a dial with its handshake, or the wait for a
	// HELLO, may take. Default 10 s.
	HandshakeTimeout time.Duration
	// RequestTimeout is how long a request waits that sets no timeout. Default 5 s.
	RequestTimeout time.Duration
	// ResumeWindow is how long two Go nodes keep the messages for each other after their
	// link has ended. If they link again within this time, what was published meanwhile
	// is delivered, in order and once. Default 30 s.
	ResumeWindow time.Duration
	// RedialMin and RedialMax bound the delay between two dials of the same
	// address, which doubles from one to the next. Default 100 ms and 30 s.
	RedialMin, RedialMax time.Duration

	// DialNetworks are the networks that discovery may make the node dial. Roster entries
	// with an IP address in another network are not dialled. The transport resolves
	// names, and has to check their addresses itself: ws and quic do if their option
	// Networks is set. Default: any.
	DialNetworks []netip.Prefix
	// DialPaths are the paths of ws:// and wss:// addresses that may be dialled, beside
	// an empty path and "/"; a pattern that ends in * allows all paths that begin with
	// the part before it. Default: the path of Advertise.
	DialPaths []string
	// MaxDials limits the dials in progress, and DialRate those that begin per second.
	// They do not apply to an address at which a peer was heard before. Default 64 and
	// 256.
	MaxDials, DialRate int

	// QueueBytes is how much memory a peer's queue may take for any length of time, and
	// QueueMessages how many messages it may hold. Above that, volatile messages are
	// dropped, and the peer has to take QueueMinRate: if it takes less for QueueSlowTime,
	// it is cut. Default 64 MiB and 262,144 messages.
	QueueBytes    int
	QueueMessages int
	// MaxQueueBytes is the most memory that a peer's queue may take. A single message
	// above QueueBytes does not count, so that it can be sent. Default four times
	// QueueBytes, 256 MiB.
	MaxQueueBytes int
	// QueueMinRate is how many bytes per second a peer has to take while its queue is
	// above QueueBytes. Default a sixty-fourth of QueueBytes, 1 MiB: with that it takes
	// QueueBytes in about a minute.
	QueueMinRate int
	// QueueSlowTime is the time over which QueueMinRate is measured. Default 10 s.
	QueueSlowTime time.Duration
	// ReplayBytes is how much memory the messages may take that were written to one peer
	// and that the peer has not acknowledged. Above it, further messages wait. They are
	// sent again if the link breaks. At least 1 MiB; default 16 MiB.
	ReplayBytes int
	// InboxBytes limits the messages of one peer in one namespace that wait to be
	// processed. Default 16 MiB.
	InboxBytes int
	// MaxFrame limits the size of an encoded message, in bytes. A larger one is not sent:
	// peers would end the link. Default 100 MiB, as in the reference.
	MaxFrame int
	// MaxHandshakes limits the accepted connections that have not sent HELLO. One more
	// replaces the one that has been silent longest. Default 1024.
	MaxHandshakes int

	// MaxPeersPerSource limits the peers that have dialled from one IP address, or one
	// /64 network of IPv6, and those that have dialled with certificates of one identity
	// (see [Certified]): a member could say HELLO under many ids. Below 0 there is no
	// limit. Default 256.
	MaxPeersPerSource int

	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
	// Observer is called when something happens in the mesh. Default: none.
	Observer Observer
}

// Routing says to which peers an event for rooms is sent.
type Routing string

const (
	// RoutingAll sends every event to all peers.
	RoutingAll Routing = "all"
	// RoutingInterest sends messages for rooms only to peers that have members in one of
	// them. Peers that do not report their rooms, such as reference peers and those with
	// another Routing, get everything.
	RoutingInterest Routing = "interest"
)

// MaxIDLength limits the length of a node's id, in bytes.
const MaxIDLength = 256

// EmitterID is the sender's name in messages of Socket.IO's emitters: programs that act
// on clients and are not servers, whatever link they use. No node may have this id.
const EmitterID = "emitter"

// MinReplayBytes is the smallest allowed ReplayBytes of a [Config]: with less, messages
// would wait for acknowledgements all the time.
const MinReplayBytes = 1 << 20

// Defaults of [Config].
const (
	DefaultListen            = ":4000"
	DefaultHeartbeatInterval = 5 * time.Second
	DefaultHeartbeatTimeout  = 10 * time.Second
	DefaultHandshakeTimeout  = 10 * time.Second
	DefaultRequestTimeout    = 5 * time.Second
	DefaultResumeWindow      = 30 * time.Second
	DefaultRedialMin         = 100 * time.Millisecond
	DefaultRedialMax         = 30 * time.Second
	DefaultMaxDials          = 64
	DefaultDialRate          = 256
	DefaultQueueBytes        = 64 << 20
	DefaultQueueMessages     = 1 << 18
	DefaultMaxQueueBytes     = 4 * DefaultQueueBytes
	DefaultQueueMinRate      = DefaultQueueBytes / 64
	DefaultQueueSlowTime     = backlog.DefaultGrace
	DefaultReplayBytes       = 16 << 20
	DefaultInboxBytes        = 16 << 20
	DefaultMaxFrame          = 100 << 20
	DefaultMaxHandshakes     = 1024
	DefaultMaxPeersPerSource = 256
)

// WithDefaults returns c with the defaults of the fields that are not set, except ID,
// which is drawn when the node is made.
func (c Config) WithDefaults() Config {
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.Routing = cmp.Or(c.Routing, RoutingAll)
	c.Role = cmp.Or(c.Role, RoleServer)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, DefaultHeartbeatInterval)
	c.HeartbeatTimeout = cmp.Or(c.HeartbeatTimeout, max(DefaultHeartbeatTimeout, 2*c.HeartbeatInterval))
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, DefaultHandshakeTimeout)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, DefaultRequestTimeout)
	c.ResumeWindow = cmp.Or(c.ResumeWindow, DefaultResumeWindow)
	c.RedialMin = cmp.Or(c.RedialMin, DefaultRedialMin)
	c.RedialMax = cmp.Or(c.RedialMax, max(DefaultRedialMax, c.RedialMin))
	c.MaxDials = cmp.Or(c.MaxDials, DefaultMaxDials)
	c.DialRate = cmp.Or(c.DialRate, DefaultDialRate)
	c.QueueBytes = cmp.Or(c.QueueBytes, DefaultQueueBytes)
	c.QueueMessages = cmp.Or(c.QueueMessages, DefaultQueueMessages)
	limits := backlog.Limits{Soft: c.QueueBytes, Hard: c.MaxQueueBytes, Rate: c.QueueMinRate, Grace: c.QueueSlowTime}.WithDefaults(DefaultQueueBytes)
	c.MaxQueueBytes, c.QueueMinRate, c.QueueSlowTime = limits.Hard, limits.Rate, limits.Grace
	c.ReplayBytes = cmp.Or(c.ReplayBytes, DefaultReplayBytes)
	c.InboxBytes = cmp.Or(c.InboxBytes, DefaultInboxBytes)
	c.MaxFrame = cmp.Or(c.MaxFrame, DefaultMaxFrame)
	c.MaxHandshakes = cmp.Or(c.MaxHandshakes, DefaultMaxHandshakes)
	c.MaxPeersPerSource = cmp.Or(c.MaxPeersPerSource, DefaultMaxPeersPerSource)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Validate returns an error if no node can be made of c. Fields that are not set count as
// their defaults. Errors are [*ConfigError].
func (c Config) Validate() error {
	c = c.WithDefaults()
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"HeartbeatInterval", c.HeartbeatInterval},
		{"HandshakeTimeout", c.HandshakeTimeout},
		{"RequestTimeout", c.RequestTimeout},
		{"ResumeWindow", c.ResumeWindow},
		{"RedialMin", c.RedialMin},
		{"QueueSlowTime", c.QueueSlowTime},
	} {
		if d.value < time.Millisecond {
			return &ConfigError{Field: d.field, Value: d.value, Allowed: "a duration of at least 1ms"}
		}
	}
	for _, n := range []struct {
		field string
		value int
	}{
		{"MaxDials", c.MaxDials},
		{"DialRate", c.DialRate},
		{"QueueBytes", c.QueueBytes},
		{"QueueMessages", c.QueueMessages},
		{"QueueMinRate", c.QueueMinRate},
		{"InboxBytes", c.InboxBytes},
		{"MaxFrame", c.MaxFrame},
		{"MaxHandshakes", c.MaxHandshakes},
	} {
		if n.value < 1 {
			return &ConfigError{Field: n.field, Value: n.value, Allowed: "a number above 0"}
		}
	}
	switch {
	case isnil.Value(c.Transport):
		return &ConfigError{Field: "Transport", Value: c.Transport, Allowed: "a transport"}
	case len(c.Codecs) == 0:
		return &ConfigError{Field: "Codecs", Value: c.Codecs, Allowed: "at least one codec"}
	case slices.ContainsFunc(c.Codecs, func(codec Codec) bool { return isnil.Value(codec) }):
		return &ConfigError{Field: "Codecs", Value: nil, Allowed: "codecs only"}
	case c.Discovery != nil && isnil.Value(c.Discovery):
		return &ConfigError{Field: "Discovery", Value: nil, Allowed: "a discovery, or none"}
	case c.Observer != nil && isnil.Value(c.Observer):
		return &ConfigError{Field: "Observer", Value: nil, Allowed: "an observer, or none"}
	case c.Routing != RoutingAll && c.Routing != RoutingInterest:
		return &ConfigError{Field: "Routing", Value: c.Routing, Allowed: `"all" or "interest"`}
	case !c.Role.Valid():
		return &ConfigError{Field: "Role", Value: c.Role, Allowed: `"server", "emitter" or "observer"`}
	case len(c.ID) > MaxIDLength:
		return &ConfigError{Field: "ID", Value: c.ID, Allowed: "at most 256 bytes"}
	case c.ID == EmitterID:
		return &ConfigError{Field: "ID", Value: c.ID, Allowed: "anything else: emitters, which are no servers, call themselves so"}
	case slices.ContainsFunc(c.DialNetworks, func(n netip.Prefix) bool { return !n.IsValid() }):
		return &ConfigError{Field: "DialNetworks", Value: c.DialNetworks, Allowed: "valid networks"}
	case slices.ContainsFunc(c.DialPaths, func(path string) bool { return !strings.HasPrefix(path, "/") }):
		return &ConfigError{Field: "DialPaths", Value: c.DialPaths, Allowed: `paths as "/mesh" or "/mesh/*"`}
	case c.HeartbeatTimeout <= c.HeartbeatInterval:
		return &ConfigError{Field: "HeartbeatTimeout", Value: c.HeartbeatTimeout, Allowed: "more than HeartbeatInterval", Bound: Bound{"HeartbeatInterval", c.HeartbeatInterval}}
	case c.ReplayBytes < MinReplayBytes:
		return &ConfigError{Field: "ReplayBytes", Value: c.ReplayBytes, Allowed: "at least 1 MiB"}
	case c.MaxQueueBytes < c.QueueBytes:
		return &ConfigError{Field: "MaxQueueBytes", Value: c.MaxQueueBytes, Allowed: "at least QueueBytes", Bound: Bound{"QueueBytes", c.QueueBytes}}
	case c.RedialMax < c.RedialMin:
		return &ConfigError{Field: "RedialMax", Value: c.RedialMax, Allowed: "at least RedialMin", Bound: Bound{"RedialMin", c.RedialMin}}
	}
	if t, ok := c.Transport.(Schemer); ok {
		schemes := t.Schemes()
		if _, ok := advertise.Dials(schemes, c.Advertise); !ok {
			return &ConfigError{Field: "Advertise", Value: c.Advertise, Allowed: "an address that begins with " + strings.Join(schemes, ":// or ") + "://"}
		}
	}
	names := make([]string, len(c.Codecs))
	for i, codec := range c.Codecs {
		names[i] = codec.Name()
		for _, other := range names[:i] {
			if other == names[i] {
				return &ConfigError{Field: "Codecs", Value: strings.Join(names[:i+1], ","), Allowed: "each codec once"}
			}
		}
	}
	return nil
}
