package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/internal/buildinfo"
	"github.com/socketmesh/mesh/internal/loglimit"
	"github.com/socketmesh/mesh/internal/pendingset"
)

// referenceCodec is the name of the codec that reference peers speak.
const referenceCodec = "msgpack"

// Node is one process's part of the mesh. It is one-shot: [New] makes it, inert;
// [Node.Start] lets it listen and dial; [Node.Shutdown] ends it. All methods are safe for
// concurrent use.
type Node struct {
	cfg        core.Config
	newAdapter NewAdapter
	id         string
	process    string // random; distinguishes this process from others with the same id
	key        *processKey
	clock      clock
	log        *slog.Logger
	reference  int // index of the reference peers' codec; -1 if there is none
	dialect    *Dialect
	stats      stats
	logLimit   loglimit.Limiter // for log lines that peers or strangers can cause

	advertised string // address that peers dial
	listener   core.Listener
	pending    *pendingset.Set[*pendingConn] // accepted connections without a HELLO
	announcer  interestAnnouncer
	marker     interestMarker
	withheld   withheldBudget
	dials      atomic.Uint64   // number of links dialled; a part of their names
	turns      atomic.Uint64   // number of times a link was taken into use; orders links in time
	lists      atomic.Uint64   // number of lists of withheld messages begun; see remoteInterest.of
	answer     Answer          // answers the questions of peers; nil if there is none
	asks       asks            // this node's own questions to peers
	traces     traces          // of messages that are sent and received
	ctx        context.Context // ends when Shutdown begins
	cancel     context.CancelFunc
	drained    chan struct{}   // closed when Shutdown has sent what it could
	listed     context.Context // ends when the node leaves discovery
	unlist     context.CancelFunc
	discovery  sync.WaitGroup
	work       sync.WaitGroup // all goroutines

	peers      atomic.Pointer[peerSet] // peers with a link; replaced, never changed
	namespaces namespaces              // open on this node

	capacity       capacity
	failures       failureLimit
	assembly       assembly
	maxPeers       int
	maxSockets     int                   // sockets in one answer
	lastTurnedAway atomic.Pointer[error] // why the transport last refused a connection, before the dialler said its id

	mu       sync.Mutex // guards the fields below, and the changes of peers and namespaces
	state    state
	adapters map[*namespace]core.Adapter
	departed map[string]departedPeer
	targets  map[string]*dialTarget
	started  time.Time
	streams  map[string]uint32 // stream number by namespace
	roster   roster

	dialLimit     *dialLimiter
	entryRefusals entryRefusalCounts

	peersChanged chan struct{} // closed, and made anew, when peers changes
}

type state int

const (
	stateNew state = iota
	stateRunning
	stateClosed
)

// NewAdapter makes the adapter of a namespace, and the receiver to which c passes
// messages and changes of the members. It is cluster.New, except in tests of a node
// alone.
type NewAdapter func(c core.Cluster, h core.Host, cfg core.AdapterConfig) (core.Adapter, core.Receiver)

// New checks cfg and makes a node, which makes the adapters of its namespaces with
// newAdapter. Errors are [*core.ConfigError].
func New(cfg core.Config, newAdapter NewAdapter) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	cfg.RefuseReferencePeers = cfg.RefuseReferencePeers || cfg.Role != core.RoleServer // reference peers do not know roles
	cfg.ID = cmp.Or(cfg.ID, randomID())
	n := &Node{
		cfg:        cfg,
		newAdapter: newAdapter,
		id:         cfg.ID,
		process:    randomID(),
		key:        newProcessKey(),
		clock:      clock{time.Now()},
		log:        cfg.Logger.With("node", cfg.ID),
		reference:  slices.IndexFunc(cfg.Codecs, func(c core.Codec) bool { return c.Name() == referenceCodec }),
		stats:      newStats(cfg.Observer),
		pending:    pendingset.New[*pendingConn](cfg.MaxHandshakes),
		maxPeers:   maxPeers,
		maxSockets: core.MaxSockets,
		assembly:   assembly{limit: 2 * cfg.MaxFrame},
		drained:    make(chan struct{}),
		adapters:   map[*namespace]core.Adapter{},
		departed:   map[string]departedPeer{},
		targets:    map[string]*dialTarget{},
		streams:    map[string]uint32{},
		dialLimit:  newDialLimiter(cfg.MaxDials, cfg.DialRate),

		peersChanged: make(chan struct{}),
	}
	n.announcer.drained, n.announcer.wakeups = n.drained, make(chan struct{}, 1)
	n.marker.drained, n.marker.wakeups = n.drained, make(chan struct{}, 1)
	n.withheld.limit = int64(cfg.ReplayBytes)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.listed, n.unlist = context.WithCancel(context.Background())
	n.peers.Store(&peerSet{published: &tally{}})
	return n, nil
}

// ID is the node's id in the mesh.
func (n *Node) ID() string { return n.id }

// Start listens and looks for peers. It returns when other nodes can reach this one;
// links come up later. ctx limits the call only. A failed Start leaves nothing running,
// and the node cannot be started again.
func (n *Node) Start(ctx context.Context) error {
	if err := n.start(ctx); err != nil {
		return err
	}
	n.log.Info("node started", "listen", n.Addr(), "advertise", n.Advertised())
	return nil
}

func (n *Node) start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.state {
	case stateRunning:
		return errors.New("node: started already")
	case stateClosed:
		return fmt.Errorf("node: start: %w", core.ErrClosed)
	}
	listener, err := n.cfg.Transport.Listen(ctx, n.cfg.Listen)
	if err != nil {
		n.state = stateClosed
		n.cancel()
		n.unlist()
		return fmt.Errorf("node: listen on %s: %w", n.cfg.Listen, err)
	}
	n.listener = listener
	if r, ok := listener.(core.RefusalNotifier); ok {
		r.OnRefuse(n.turnedAway)
	}
	if l, ok := listener.(core.SourceLimiter); ok {
		l.OnConnect(n.failures.judge)
	}
	n.advertised = advertise.Address(n.cfg.Advertise, listener.Addr())
	n.state = stateRunning
	n.started = time.Now()
	n.work.Go(n.accept)
	n.work.Go(n.heartbeat)
	n.work.Go(n.announcer.run)
	n.work.Go(n.marker.run)
	n.work.Go(n.watch)
	if n.cfg.Discovery != nil {
		n.discovery.Go(n.discover)
	}
	return nil
}

// Addr is the address on which the node listens, with the real port; "" before Start.
func (n *Node) Addr() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listener == nil {
		return ""
	}
	return n.listener.Addr()
}

// Advertised is the address that peers dial; "" before Start.
func (n *Node) Advertised() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.advertised
}

// Adapter opens a namespace and returns its adapter, which acts on this server's sockets
// through host. A namespace can be open once at a time; closing its adapter closes it. It
// may be opened before Start.
func (n *Node) Adapter(name string, host core.Host) (core.Adapter, error) {
	ns := newNamespace(n, name)
	a, receiver := n.newAdapter(ns, host, n.adapterConfig(name))
	ns.receiver = receiver
	peers, err := n.open(ns, a)
	if err != nil {
		return nil, fmt.Errorf("node: open namespace %q: %w", name, err)
	}
	ns.seed(peers)
	return a, nil
}

// Peers lists the peers with a link, sorted by id.
func (n *Node) Peers() []core.PeerInfo {
	list := n.linkedPeers()
	infos := make([]core.PeerInfo, len(list))
	for i, p := range list {
		infos[i] = p.info()
	}
	return infos
}

// Stats takes a snapshot of the node. It leaves Certificate empty: the caller fills it in
// if it knows the certificate of the transport.
func (n *Node) Stats() core.Stats {
	s := n.stats.snapshot()
	s.Version, s.MaxQueueBytes = buildinfo.Version(), n.cfg.MaxQueueBytes
	s.Expected = n.expected()
	s.RosterRefusals = n.entryRefusals.byName()
	n.mu.Lock()
	s.Started, s.Namespaces = n.started, len(n.adapters)
	n.mu.Unlock()
	s.Peers = []core.PeerStats{}
	for _, p := range n.peers.Load().list {
		if stats := p.stats(); stats.Suspended.IsZero() {
			s.Peers = append(s.Peers, stats)
		} else {
			s.Suspended = append(s.Suspended, stats)
		}
	}
	return s
}

// Shutdown leaves the mesh: it closes all adapters, which tells the peers, sends what is
// queued, waits until the peers have received it (as far as they can say so), as long as
// ctx lets it, and closes all links. It returns when all goroutines of the node have
// ended. The error names peers that did not get everything, and listeners that had not
// returned when ctx ended. Later calls do nothing.
func (n *Node) Shutdown(ctx context.Context) error {
	n.mu.Lock()
	was := n.state
	n.state = stateClosed
	adapters := slices.Collect(maps.Values(n.adapters))
	n.mu.Unlock()
	if was == stateClosed {
		return nil
	}
	n.cancel() // no more dials
	for _, a := range adapters {
		a.Close()
	}
	var err error
	if was == stateRunning {
		n.listener.Close()
		err = n.drain(ctx)
		close(n.drained)
		for _, p := range n.peers.Load().list {
			p.fail(core.CloseShutdown, core.ErrClosed)
			n.expire(p, core.ErrClosed)
		}
		n.work.Wait()
	}
	// A reference peer ends its link to a node that leaves the roster, so the node leaves
	// discovery only when it has nothing more to send.
	n.unlist()
	n.discovery.Wait()
	for _, a := range adapters {
		if a, ok := a.(joiner); ok {
			err = errors.Join(err, a.Join(ctx))
		}
	}
	n.log.Info("node stopped")
	return err
}

// joiner is an adapter that runs users' listeners; Join waits until they have returned.
type joiner interface {
	Join(ctx context.Context) error
}

// drain waits until all queues are empty and the peers have received what was in them, as
// far as they can say so.
func (n *Node) drain(ctx context.Context) error {
	list := n.linkedPeers()
	var lost []error
	for _, p := range list {
		p.drain()
	}
	for _, p := range list {
		select {
		case <-p.drained:
		case <-p.linkEnd():
			if err := p.wentWithout(); err != nil {
				lost = append(lost, fmt.Errorf("node: shutdown: %s went before it had taken all that was sent to it: %w", p.id, err))
			}
		case <-ctx.Done():
			lost = append(lost, fmt.Errorf("node: shutdown: %s has not taken all that was sent to it: %w", p.id, context.Cause(ctx)))
			return errors.Join(lost...)
		}
	}
	return errors.Join(lost...)
}
