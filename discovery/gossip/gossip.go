// Package gossip is discovery by gossip between the nodes themselves, without any other
// process: it uses github.com/hashicorp/memberlist, a SWIM protocol over UDP and TCP. A
// node needs the gossip addresses of one or a few other nodes to begin with, its seeds.
// From them it learns of the other nodes, and tells them its id and the address at which
// it accepts links.
//
// A node that ends tells the others; a node that dies is detected by the others within
// seconds. A node that has lost all others joins its seeds again.
//
// The library is compiled only into programs that import this package:
//
//	mesh.New(cfg, mesh.WithDiscovery(gossip.New(gossip.Options{Seeds: seeds, Keys: [][]byte{gossip.Key(token)}})))
//
// Without keys, everybody who reaches the port can read and change the roster. Reference
// nodes do not gossip.
package gossip

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
	"github.com/socketmesh/mesh/internal/endpoint"
	"github.com/socketmesh/mesh/internal/loglimit"
)

// Options configure a [Discovery]. Zero values mean the defaults.
type Options struct {
	// Listen is the address at which the node gossips, "host:port" or ":port", by TCP and
	// UDP; port 0 picks a free one. Default ":7946".
	Listen string
	// Advertise is the address at which the others reach it, "ip:port". Default: the host
	// of Listen, or a private address of this machine, and the port on which it listens.
	Advertise string
	// Seeds are gossip addresses of other nodes, "host:port"; one that answers is enough.
	// This node's own may be among them. A name may have several addresses. Default none:
	// the node waits for others that have it as a seed.
	Seeds []string

	// Keys encrypt and authenticate the gossip, with AES-GCM: 16, 24 or 32 bytes each.
	// The first one encrypts, all of them decrypt, so that keys can be replaced node by
	// node. See [Key]. Default none: gossip is sent in the clear.
	Keys [][]byte
	// Label separates meshes that share a network: nodes with different labels do not
	// hear each other. At most 255 bytes. Default none.
	Label string
	// Network says how fast failures are detected: "lan", the default, within some
	// seconds; "local", for one machine, within one; "wan", more patiently.
	Network string

	// RejoinMin and RejoinMax are the limits of the delay, which doubles, after which a
	// node that hears of no other joins its seeds again. A node that hears of others
	// joins a seed about once per RejoinMax, so that two halves of a network that was
	// split find each other. Default 500 ms and 30 s.
	RejoinMin, RejoinMax time.Duration
	// LeaveTimeout limits the time for telling the others that this node leaves. Default
	// 2 s.
	LeaveTimeout time.Duration
	// MaxPeers limits the number of known nodes; further ones are ignored. Default 4096.
	MaxPeers int

	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Defaults of [Options].
const (
	DefaultListen       = ":7946"
	DefaultRejoinMin    = 500 * time.Millisecond
	DefaultRejoinMax    = 30 * time.Second
	DefaultLeaveTimeout = 2 * time.Second
	DefaultMaxPeers     = 4096
)

// Key derives a key of 32 bytes from a secret, such as the token of the mesh.
func Key(secret string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "mesh gossip key", 32)
	if err != nil {
		panic(err) // of the length, which is constant
	}
	return key
}

func (o Options) withDefaults() Options {
	o.Listen = cmp.Or(o.Listen, DefaultListen)
	o.Network = cmp.Or(o.Network, "lan")
	o.RejoinMin = cmp.Or(o.RejoinMin, DefaultRejoinMin)
	o.RejoinMax = cmp.Or(o.RejoinMax, max(o.RejoinMin, DefaultRejoinMax))
	o.LeaveTimeout = cmp.Or(o.LeaveTimeout, DefaultLeaveTimeout)
	o.MaxPeers = cmp.Or(o.MaxPeers, DefaultMaxPeers)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

var networks = map[string]func() *memberlist.Config{
	"lan": memberlist.DefaultLANConfig, "local": memberlist.DefaultLocalConfig, "wan": memberlist.DefaultWANConfig,
}

// Validate returns a [*core.ConfigError] for the first option that can never work.
func (o Options) Validate() error {
	o = o.withDefaults()
	if _, _, err := splitHostPort(o.Listen); err != nil {
		return &core.ConfigError{Field: "Listen", Value: o.Listen, Allowed: `"host:port" or ":port"`}
	}
	if host, port, err := splitHostPort(o.Advertise); o.Advertise != "" && (err != nil || net.ParseIP(host) == nil || port == 0) {
		return &core.ConfigError{Field: "Advertise", Value: o.Advertise, Allowed: `"ip:port"`}
	}
	for i, seed := range o.Seeds {
		if host, port, err := splitHostPort(seed); err != nil || host == "" || port == 0 {
			return &core.ConfigError{Field: fmt.Sprintf("Seeds[%d]", i), Value: seed, Allowed: `"host:port"`}
		}
	}
	for i, key := range o.Keys {
		if memberlist.ValidateKey(key) != nil {
			return &core.ConfigError{Field: fmt.Sprintf("Keys[%d]", i), Value: fmt.Sprintf("%d bytes", len(key)), Allowed: "16, 24 or 32 bytes"}
		}
	}
	switch {
	case len(o.Label) > memberlist.LabelMaxSize:
		return &core.ConfigError{Field: "Label", Value: o.Label, Allowed: "at most 255 bytes"}
	case networks[o.Network] == nil:
		return &core.ConfigError{Field: "Network", Value: o.Network, Allowed: `"lan", "local" or "wan"`}
	case o.RejoinMin < 0:
		return &core.ConfigError{Field: "RejoinMin", Value: o.RejoinMin, Allowed: "more than 0, or 0 for the default"}
	case o.RejoinMax < o.RejoinMin:
		return &core.ConfigError{Field: "RejoinMax", Value: o.RejoinMax, Allowed: "RejoinMin or more"}
	case o.LeaveTimeout < 0:
		return &core.ConfigError{Field: "LeaveTimeout", Value: o.LeaveTimeout, Allowed: "more than 0, or 0 for the default"}
	case o.MaxPeers < 0:
		return &core.ConfigError{Field: "MaxPeers", Value: o.MaxPeers, Allowed: "more than 0, or 0 for the default"}
	}
	return nil
}

// splitHostPort is net's, with the port as a number.
func splitHostPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	return host, int(number), err
}

// Discovery gossips with other nodes.
type Discovery struct {
	options Options
	limit   loglimit.Limiter // for log lines that others can cause

	malformed, ignored atomic.Uint64

	status *endpoint.Status

	mu      sync.Mutex
	address string // at which it gossips; "" when it does not
}

var (
	_ core.Discovery        = (*Discovery)(nil)
	_ core.EndpointReporter = (*Discovery)(nil)
)

// New returns a Discovery of one node. It does not check o: Run and [Options.Validate] do.
func New(o Options) *Discovery {
	o = o.withDefaults()
	return &Discovery{options: o, status: endpoint.Named("gossip at " + o.Listen), limit: loglimit.Limiter{Period: 5 * time.Minute, Keys: 64}}
}

// Name is "gossip".
func (d *Discovery) Name() string { return "gossip" }

// Stats are counters of a [Discovery].
type Stats struct {
	Malformed uint64 // nodes whose metadata could not be read, counted each time
	Ignored   uint64 // nodes above MaxPeers, counted each time
}

// Stats returns the counters as they are now.
func (d *Discovery) Stats() Stats { return Stats{d.malformed.Load(), d.ignored.Load()} }

// Addr is the address at which it gossips, with the real port; "" unless Run is running.
// Other nodes can use it as a seed.
func (d *Discovery) Addr() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.address
}

// Endpoints describes the gossip. Heard is true while other nodes are known, or if there
// are no seeds.
func (d *Discovery) Endpoints() []core.DiscoveryEndpoint {
	return []core.DiscoveryEndpoint{d.status.Get()}
}

// metadata is what a node tells the others about itself.
type metadata struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

// settle is how long changes are collected before they are reported.
const settle = 50 * time.Millisecond

// Run gossips until ctx ends, and reports the nodes that are alive, self included. It
// then tells the others that this node leaves, and returns nil. It returns a
// [*core.ConfigError] at once if an option is invalid, or self lacks an id or an address
// or these are too long, and another error if it cannot listen.
func (d *Discovery) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	if err := d.options.Validate(); err != nil {
		return err
	}
	if self.ID == "" {
		return &core.ConfigError{Field: "ID", Value: self.ID, Allowed: "an id"}
	}
	meta, err := json.Marshal(metadata{self.ID, self.Address})
	if err != nil || self.Address == "" || len(meta) > memberlist.MetaMaxSize {
		return &core.ConfigError{Field: "Advertise", Value: self.Address, Allowed: fmt.Sprintf("the address peers dial, which fits with the id into %d bytes", memberlist.MetaMaxSize)}
	}
	if ctx.Err() != nil {
		return nil
	}
	delegate := &delegate{discovery: d, meta: meta, self: self.ID, changed: make(chan struct{}, 1), alive: map[string]told{}}
	members, err := d.create(self, delegate)
	if err != nil {
		return fmt.Errorf("gossip: listening on %s: %w", d.options.Listen, err)
	}
	d.begin(members)
	var joining sync.WaitGroup
	joining.Go(func() { d.join(ctx, members) })
	d.report(ctx, delegate, update)
	if err := members.Leave(d.options.LeaveTimeout); err != nil {
		d.options.Logger.Debug("leaving without having told everybody", "error", err)
	}
	err = members.Shutdown()
	joining.Wait()
	d.end()
	if err != nil {
		d.options.Logger.Debug("ending the gossip", "error", err)
	}
	return nil
}

func (d *Discovery) create(self core.Peer, events *delegate) (*memberlist.Memberlist, error) {
	c := networks[d.options.Network]()
	c.Name = self.ID
	c.BindAddr, c.BindPort, _ = splitHostPort(d.options.Listen)
	if c.BindAddr == "" {
		c.BindAddr = "0.0.0.0"
	}
	c.AdvertisePort = c.BindPort
	if d.options.Advertise != "" {
		c.AdvertiseAddr, c.AdvertisePort, _ = splitHostPort(d.options.Advertise)
	}
	c.TCPTimeout = min(c.TCPTimeout, 3*time.Second) // the end of Run may have to wait that long
	c.Label = d.options.Label
	c.Delegate, c.Events, c.Alive, c.Conflict = events, events, events, events
	c.DelegateProtocolVersion, c.DelegateProtocolMin, c.DelegateProtocolMax = 1, 1, 1
	c.DeadNodeReclaimTime = time.Second
	c.LogOutput, c.Logger = nil, log.New(logWriter{d}, "", 0)
	if len(d.options.Keys) > 0 {
		keyring, err := memberlist.NewKeyring(d.options.Keys, d.options.Keys[0])
		if err != nil {
			return nil, err
		}
		c.Keyring = keyring
	}
	return memberlist.Create(c)
}

// report reports the nodes whenever they have changed, until ctx ends.
func (d *Discovery) report(ctx context.Context, events *delegate, update func([]core.Peer)) {
	var known []core.Peer
	for {
		peers := d.peers(events.nodes())
		if !slices.Equal(peers, known) {
			known = peers
			d.heard(len(peers))
			update(slices.Clone(peers))
		}
		select {
		case <-ctx.Done():
			return
		case <-events.changed:
		}
		backoff.Sleep(ctx, settle)
		if ctx.Err() != nil {
			return
		}
	}
}

// peers returns the nodes with valid metadata, sorted by id.
func (d *Discovery) peers(nodes map[string]told) []core.Peer {
	peers := make([]core.Peer, 0, len(nodes))
	for name, n := range nodes {
		var m metadata
		if err := json.Unmarshal(n.meta, &m); err != nil || m.ID != name || m.Address == "" {
			d.malformed.Add(1)
			d.limit.Log(d.options.Logger, slog.LevelWarn, "malformed", "a node that gossips tells no address: it is ignored",
				"peer", fmt.Sprintf("%.64q", name), "remote", n.remote, "error", err)
			continue
		}
		peers = append(peers, core.Peer{ID: m.ID, Address: m.Address})
	}
	slices.SortFunc(peers, func(a, b core.Peer) int { return cmp.Compare(a.ID, b.ID) })
	return peers
}

// join joins seeds until ctx ends: all of them while no other node is known, later one
// now and then.
func (d *Discovery) join(ctx context.Context, members *memberlist.Memberlist) {
	if len(d.options.Seeds) == 0 {
		return
	}
	retry := backoff.Backoff{Min: d.options.RejoinMin, Max: d.options.RejoinMax}
	for ctx.Err() == nil {
		if members.NumMembers() > 1 {
			retry.Reset()
			backoff.Sleep(ctx, backoff.Jitter(d.options.RejoinMax))
			if ctx.Err() == nil && members.NumMembers() > 1 {
				members.Join(d.options.Seeds[rand.IntN(len(d.options.Seeds)):][:1])
			}
			continue
		}
		err := d.joinAny(ctx, members)
		if ctx.Err() != nil {
			return
		}
		if members.NumMembers() > 1 {
			d.limit.Forget("join")
			continue
		}
		if err == nil {
			err = errors.New("no seed knows of another node")
		}
		d.failed(err)
		d.limit.Log(d.options.Logger, slog.LevelWarn, "join", "nobody answers the gossip; retrying with backoff", "error", err, "setting", "Seeds of gossip")
		backoff.Sleep(ctx, retry.Next())
	}
}

// joinAny joins the seeds one at a time, so that the end of ctx can interrupt it.
func (d *Discovery) joinAny(ctx context.Context, members *memberlist.Memberlist) (err error) {
	for _, seed := range d.options.Seeds {
		if ctx.Err() != nil {
			return nil
		}
		if _, failed := members.Join([]string{seed}); failed != nil {
			err = errors.Join(err, errors.New(strings.Join(strings.Fields(failed.Error()), " ")))
		}
	}
	return err
}

func (d *Discovery) begin(members *memberlist.Memberlist) {
	d.setAddress(members.LocalNode().FullAddress().Addr)
	d.status.Begin()
}

func (d *Discovery) end() {
	d.setAddress("")
	d.status.Change(func(e *core.DiscoveryEndpoint, now time.Time) {
		*e = core.DiscoveryEndpoint{Name: e.Name, Since: now, Last: e.Last}
	})
}

func (d *Discovery) setAddress(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.address = address
}

func (d *Discovery) heard(peers int) {
	d.status.Change(func(e *core.DiscoveryEndpoint, now time.Time) {
		endpoint.SetHeard(e, peers > 1 || len(d.options.Seeds) == 0, now)
		if e.Heard {
			e.Err = nil
		}
		e.Last, e.Peers = now, peers
	})
}

func (d *Discovery) failed(err error) {
	d.status.Change(func(e *core.DiscoveryEndpoint, _ time.Time) { e.Err = err })
}

// delegate receives the library's calls. They come with the library's locks held, so it
// does not call the library.
type delegate struct {
	discovery *Discovery
	meta      []byte
	self      string
	changed   chan struct{} // holds one

	mu    sync.Mutex
	alive map[string]told // the nodes that are alive, by id
}

// told is what a node tells about itself. It is copied while the library holds its lock,
// because the library changes the nodes that memberlist.Members returns.
type told struct {
	meta   []byte
	remote string // address at which it gossips
}

// NodeMeta implements [memberlist.Delegate].
func (e *delegate) NodeMeta(int) []byte { return e.meta }

// NotifyMsg, GetBroadcasts, LocalState and MergeRemoteState implement
// [memberlist.Delegate]: no messages are gossiped.
func (*delegate) NotifyMsg([]byte)                {}
func (*delegate) GetBroadcasts(_, _ int) [][]byte { return nil }
func (*delegate) LocalState(bool) []byte          { return nil }
func (*delegate) MergeRemoteState([]byte, bool)   {}

// NotifyJoin, NotifyLeave and NotifyUpdate implement [memberlist.EventDelegate].
func (e *delegate) NotifyJoin(n *memberlist.Node)   { e.set(n) }
func (e *delegate) NotifyUpdate(n *memberlist.Node) { e.set(n) }

func (e *delegate) NotifyLeave(n *memberlist.Node) {
	e.mu.Lock()
	delete(e.alive, n.Name)
	e.mu.Unlock()
	e.notify()
}

func (e *delegate) set(n *memberlist.Node) {
	e.mu.Lock()
	e.alive[n.Name] = told{slices.Clone(n.Meta), n.FullAddress().Addr}
	e.mu.Unlock()
	e.notify()
}

// nodes returns the nodes that are alive now.
func (e *delegate) nodes() map[string]told {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.alive)
}

func (e *delegate) notify() {
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

// NotifyAlive implements [memberlist.AliveDelegate]: it refuses new nodes above MaxPeers.
func (e *delegate) NotifyAlive(n *memberlist.Node) error {
	d := e.discovery
	e.mu.Lock()
	_, known := e.alive[n.Name]
	alive := len(e.alive)
	e.mu.Unlock()
	if known || n.Name == e.self || alive < d.options.MaxPeers {
		return nil
	}
	d.ignored.Add(1)
	d.limit.Log(d.options.Logger, slog.LevelWarn, "many", "too many nodes gossip: ignoring the rest", "limit", d.options.MaxPeers)
	return errors.New("too many nodes")
}

// NotifyConflict implements [memberlist.ConflictDelegate]: it warns of two nodes with one
// id.
func (e *delegate) NotifyConflict(existing, other *memberlist.Node) {
	e.discovery.limit.Log(e.discovery.options.Logger, slog.LevelWarn, "conflict", "two nodes that gossip have the same id",
		"peer", fmt.Sprintf("%.64q", existing.Name), "address", existing.FullAddress().Addr, "other", other.FullAddress().Addr)
}

// logWriter logs the library's lines: warnings and errors as limited warnings, the others
// as debug lines.
type logWriter struct{ discovery *Discovery }

// Write implements [io.Writer].
func (w logWriter) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	level, text, _ := strings.Cut(text, "] ")
	text = strings.TrimPrefix(text, "memberlist: ")
	d := w.discovery
	if level == "[ERR" || level == "[WARN" {
		kind, _, _ := strings.Cut(text, ":")
		d.limit.Log(d.options.Logger, slog.LevelWarn, fmt.Sprintf("%.20s", kind), "gossip has trouble", "error", fmt.Sprintf("%.300s", text))
	} else {
		d.options.Logger.Debug("gossip: " + text)
	}
	return len(line), nil
}
