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

// Node is one process's place in the mesh. It is one-shot: [New] makes it,
// inert; [Node.Start] lets it listen and dial; [Node.Shutdown] ends it. All
// methods may be called at once.
type Node struct {
	cfg        core.Config
	newAdapter NewAdapter
	id         string
	process    string // tells this node from others that had its id
	key        *processKey
	clock      clock
	log        *slog.Logger
	reference  int // index of the reference peers' codec; -1 if there is none
	dialect    *Dialect
	stats      stats
	logLimit   loglimit.Limiter // of what peers and strangers can cause

	advertised string // address that peers dial
	listener   core.Listener
	pending    *pendingset.Set[*pendingConn] // accepted, but without a HELLO yet
	announcer  interestAnnouncer
	marker     interestMarker
	withheld   withheldBudget
	dials      atomic.Uint64   // links dialled, which gives them their names
	turns      atomic.Uint64   // links that were used, in their order
	lists      atomic.Uint64   // of withheld messages that were begun
	answer     Answer          // of questions of peers; nil if there is none
	asks       asks            // questions of this node
	traces     traces          // of messages that pass
	ctx        context.Context // ends when Shutdown begins
	cancel     context.CancelFunc
	drained    chan struct{}   // closed when Shutdown has sent what it could
	listed     context.Context // ends when the node leaves discovery
	unlist     context.CancelFunc
	discovery  sync.WaitGroup
	work       sync.WaitGroup // all goroutines

	peers      atomic.Pointer[peerSet] // peers with a link; replaced, never changed
	namespaces namespaces              // those open here

	capacity       capacity
	failures       failureLimit
	assembly       assembly
	maxPeers       int
	maxSockets     int                   // in one answer
	lastTurnedAway atomic.Pointer[error] // of connections that were refused before they said whose they are

	mu       sync.Mutex // guards what follows, and who changes the two above
	state    state
	adapters map[*namespace]core.Adapter
	departed map[string]departedPeer
	targets  map[string]*dialTarget
	started  time.Time
	streams  map[string]uint32 // of links, by namespace
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

// NewAdapter makes the adapter of a namespace, and what c has to tell of the other
// servers. It is cluster.New, but for tests of a node alone.
type NewAdapter func(c core.Cluster, h core.Host, cfg core.AdapterConfig) (core.Adapter, core.Receiver)

// New checks cfg and makes a node of it, which opens namespaces with newAdapter.
// Errors are [*core.ConfigError].
func New(cfg core.Config, newAdapter NewAdapter) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	cfg.RefuseReferencePeers = cfg.RefuseReferencePeers || cfg.Role != core.RoleServer // they know no roles
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

// Start listens, and looks for peers. It returns when the node can be reached;
// links come up later. ctx limits the call only. After an error, which leaves
// nothing behind, the node is of no more use.
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

// Addr is the address it listens on, with the real port; "" before Start.
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

// Adapter opens a namespace: what the mesh does there from now on, it does
// through host. A namespace can be open once at a time; closing its adapter
// closes it. It may be opened before Start.
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

// Stats takes a snapshot of the node. Its Certificate is for those to fill in who know
// the transport's.
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

// Shutdown leaves the mesh: it closes all adapters, which tells the others,
// sends what is queued, waits until the others have taken it, as long as ctx lets
// it, and closes all links. It returns when nothing of the node is left; if ctx
// ends before, with who has not taken everything, or which listeners have not
// returned. Later calls do nothing.
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
	// Reference peers end links to those who are not in the roster, so this comes
	// when nothing more is to be said.
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

// joiner is an adapter that runs user code, which may take its time.
type joiner interface {
	Join(ctx context.Context) error
}

// drain waits until all queues are empty, and the peers have what was in them.
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
