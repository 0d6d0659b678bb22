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

// Config is what a node is made of. Transport and Codecs are required; zero
// values elsewhere mean the default named beside them.
type Config struct {
	// ID is the node's id in the mesh. Default: 16 random hex digits. It must
	// be new for each life of a process; set it in tests only.
	ID string
	// Listen is where the transport accepts peers. Default ":4000".
	Listen string
	// Advertise is the address peers dial. Default: none, for transports whose
	// Listener.Addr can be dialled as it is. Port 0 stands for the listener's.
	Advertise string

	Transport Transport
	// Codecs are those the node speaks, the preferred one first. Reference
	// peers need one that is named "msgpack".
	Codecs []Codec
	// Discovery finds the peers. Default: none; the node waits to be dialled.
	Discovery Discovery

	// Routing says to which peers an event for rooms is sent. Default
	// [RoutingAll].
	Routing Routing

	// AuthToken is shared by all nodes of the mesh; a peer with another one is
	// refused, and so is one that has none. Default "": no check.
	AuthToken string
	// Tokens, if not nil, takes the place of AuthToken where tokens change while the
	// node runs: the first is this node's own, all are accepted. It is asked at each handshake, by
	// several goroutines at once. If it returns none, everybody is refused.
	Tokens func() []string

	// Role is what the node is. Those of another one than [RoleServer] dial servers, and
	// are not dialled. Default [RoleServer].
	Role Role
	// EmitterTokens and ObserverTokens return the tokens of nodes that may be an emitter,
	// or an observer, and nothing more. They are for servers, and are asked as Tokens is.
	// Default: none.
	EmitterTokens, ObserverTokens func() []string
	// CertificateAllows, if not nil, tells whether a peer that has dialled may be of a role,
	// by what its connection says as [Certified]; "" if it is not. Its token has to
	// allow the role as well. Several goroutines call it at once. Default: certificates
	// allow every role.
	CertificateAllows func(identity string, role Role) bool

	// RefuseReferencePeers forbids links with reference peers. These send the token as it
	// is, and have to be sent it; Go nodes prove to each other that they have it. Default:
	// they are allowed.
	RefuseReferencePeers bool

	// AllowTLSProxies allows links with proxies on their way that open TLS, or end it and open it anew.
	// Without it both ends compare what they say as [ChannelBinder], if both do, and refuse
	// each other if that differs. Default: they are not allowed.
	AllowTLSProxies bool

	// HeartbeatInterval is how often a link is pinged, and how often reference peers
	// hear of each namespace. Default 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a peer may be silent before its link is
	// cut. It must exceed the interval. Default 10 s.
	HeartbeatTimeout time.Duration
	// HandshakeTimeout is how long a dial with its handshake, or the wait for a
	// HELLO, may take. Default 10 s.
	HandshakeTimeout time.Duration
	// RequestTimeout is how long requests wait that set no timeout. Default 5 s.
	RequestTimeout time.Duration
	// ResumeWindow is for how long after the end of a link two Go nodes keep what they
	// have for each other: if they are linked again within it, what was published
	// meanwhile is delivered, in order and once. Default 30 s.
	ResumeWindow time.Duration
	// RedialMin and RedialMax bound the delay between two dials of the same
	// address, which doubles from one to the next. Default 100 ms and 30 s.
	RedialMin, RedialMax time.Duration

	// DialNetworks are the networks that discovery may make the node dial. Entries of
	// rosters with an IP address of another network are not dialled. A name is resolved
	// by the transport, which has to judge its addresses itself: ws and quic do, where
	// their option Networks is set. Default: any.
	DialNetworks []netip.Prefix
	// DialPaths are the paths of ws:// and wss:// addresses that are dialled, beside no
	// path and "/"; one that ends in * stands for all that begin so. Default: the path of
	// Advertise.
	DialPaths []string
	// MaxDials bounds the dials at once, and DialRate those that begin in a second. An
	// address at which a peer was heard before does not wait for others. Default 64 and
	// 256.
	MaxDials, DialRate int

	// QueueBytes is how much memory the messages that wait for one peer may take for
	// as long as it takes, and QueueMessages how many they may be. A peer for which
	// more waits loses volatile messages, and has to take QueueMinRate; one that
	// takes less for QueueSlowTime is cut. Default 64 MiB and 262,144 messages.
	QueueBytes    int
	QueueMessages int
	// MaxQueueBytes is how much memory they may take at all. A single message above
	// QueueBytes does not count, so that it can be sent. Default four times
	// QueueBytes, 256 MiB.
	MaxQueueBytes int
	// QueueMinRate is how many bytes per second a peer has to take while more waits
	// for it. Default a sixty-fourth of QueueBytes, 1 MiB, with which that much is
	// taken in about a minute.
	QueueMinRate int
	// QueueSlowTime is the time over which QueueMinRate is measured. Default 10 s.
	QueueSlowTime time.Duration
	// ReplayBytes is how much memory the messages may take that were written to one peer
	// which has not said that it has them. Beyond it the next ones wait. They are sent
	// again if the link breaks. At least 1 MiB; default 16 MiB.
	ReplayBytes int
	// InboxBytes bounds what one peer has sent to one namespace and waits for
	// its turn. Default 16 MiB.
	InboxBytes int
	// MaxFrame bounds a message, encoded, in bytes. What is larger is not sent:
	// peers would cut the link. Default 100 MiB, as the reference.
	MaxFrame int
	// MaxHandshakes bounds the connections that were accepted and have not said
	// HELLO. One more takes the place of the one that is silent for longest.
	// Default 1024.
	MaxHandshakes int

	// MaxPeersPerSource bounds the peers that have dialled from one IP address, or one /64
	// network of IPv6, and those that have dialled with certificates of one identity, see
	// [Certified]: a member can say HELLO under many ids. Below 0 there is no bound.
	// Default 256.
	MaxPeersPerSource int

	// Logger gets what an operator should know. Default: slog.Default().
	Logger *slog.Logger
	// Observer is told what happens. Default: nobody.
	Observer Observer
}

// Routing says to which peers an event for rooms is sent.
type Routing string

const (
	// RoutingAll sends every event to all peers.
	RoutingAll Routing = "all"
	// RoutingInterest sends what is for rooms only to peers that have members of
	// one of them. Peers that are not known to tell, as those of another Routing
	// and of the reference, get everything.
	RoutingInterest Routing = "interest"
)

// MaxIDLength bounds a node's id, in bytes.
const MaxIDLength = 256

// EmitterID is the sender that Socket.IO's emitters name: programs that act on
// clients and are no servers, whatever link they use. No node may have it.
const EmitterID = "emitter"

// MinReplayBytes is the least that ReplayBytes of a [Config] may be: less would wait for
// the peer all the time.
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

// WithDefaults is c with the defaults of what is not set, but for ID, which is drawn
// when the node is made.
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

// Validate tells whether a node can be made of c. What is not set counts as its
// default. Errors are [*ConfigError].
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
