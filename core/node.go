package core

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
)

// referenceCodec is the name of the codec that reference peers speak.
const referenceCodec = "msgpack"

// Node is one process's place in the mesh. It is one-shot: [New] makes it,
// inert; [Node.Start] lets it listen and dial; [Node.Shutdown] ends it. All
// methods may be called at once.
type Node struct {
	cfg       Config
	id        string
	log       *slog.Logger
	reference int // index of the reference peers' codec; -1 if there is none
	stats     stats
	quiet     quiet

	advertised string // address that peers dial
	listener   Listener
	lobby      lobby
	dials      atomic.Uint64   // links dialled, which gives them their names
	ctx        context.Context // ends when Shutdown begins
	cancel     context.CancelFunc
	drained    chan struct{}  // closed when Shutdown has sent what it could
	work       sync.WaitGroup // all goroutines

	roster     atomic.Pointer[roster]     // peers with a link; replaced, never changed
	namespaces atomic.Pointer[namespaces] // those open here; likewise

	mu       sync.Mutex // guards what follows, and replacing the two above
	state    state
	adapters map[*namespace]Adapter
	memories map[string]memory
	targets  map[string]*target
}

type state int

const (
	stateNew state = iota
	stateRunning
	stateClosed
)

// roster is a snapshot of the peers.
type roster struct {
	list []*peer
	byID map[string]*peer
}

// namespaces is a snapshot of the namespaces.
type namespaces struct {
	byName map[string]*namespace
}

// memory is what is kept of a peer that has gone, to see what was lost should it
// come back.
type memory struct {
	sent     uint64
	received uint64
	at       time.Time
}

// The bounds of memories.
const (
	memoryFor  = 10 * time.Minute
	memoryPeak = 4096
)

// New checks cfg and makes a node of it. Errors are [*ConfigError].
func New(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:       cfg,
		id:        cfg.ID,
		log:       cfg.Logger.With("node", cfg.ID),
		reference: slices.IndexFunc(cfg.Codecs, func(c Codec) bool { return c.Name() == referenceCodec }),
		stats:     stats{observer: cfg.Observer},
		lobby:     lobby{places: cfg.MaxHandshakes},
		drained:   make(chan struct{}),
		adapters:  map[*namespace]Adapter{},
		memories:  map[string]memory{},
		targets:   map[string]*target{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.roster.Store(&roster{})
	n.namespaces.Store(&namespaces{})
	return n, nil
}

// ID is the node's id in the mesh.
func (n *Node) ID() string { return n.id }

// Start listens, and looks for peers. It returns when the node can be reached;
// links come up later. ctx limits the call only. After an error, which leaves
// nothing behind, the node is of no more use.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.state {
	case stateRunning:
		return errors.New("node: started already")
	case stateClosed:
		return fmt.Errorf("node: start: %w", ErrClosed)
	}
	listener, err := n.cfg.Transport.Listen(ctx, n.cfg.Listen)
	if err != nil {
		n.state = stateClosed
		n.cancel()
		return fmt.Errorf("node: listen on %s: %w", n.cfg.Listen, err)
	}
	n.listener = listener
	n.advertised = advertisedAddress(n.cfg.Advertise, listener.Addr())
	n.state = stateRunning
	n.work.Go(n.accept)
	n.work.Go(n.pulse)
	if n.cfg.Discovery != nil {
		n.work.Go(n.discover)
	}
	n.log.Info("node started", "listen", listener.Addr(), "advertise", n.advertised)
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
func (n *Node) Adapter(name string, host Host) (Adapter, error) {
	ns := &namespace{node: n, name: name, members: map[string]*peer{}}
	a, receiver := NewAdapter(ns, host, AdapterConfig{
		RequestTimeout: n.cfg.RequestTimeout,
		InboxBytes:     n.cfg.InboxBytes,
		Logger:         n.log.With("namespace", name),
	})
	ns.receiver = receiver
	peers, err := n.open(ns, a)
	if err != nil {
		return nil, fmt.Errorf("node: open namespace %q: %w", name, err)
	}
	ns.seed(peers)
	return a, nil
}

// open registers a namespace and announces it to the peers of that moment, which
// it returns. Those that come later are told when they are met.
func (n *Node) open(ns *namespace, a Adapter) ([]*peer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == stateClosed {
		return nil, ErrClosed
	}
	byName := maps.Clone(n.namespaces.Load().byName)
	if byName[ns.name] != nil {
		return nil, ErrNamespaceOpen
	}
	if byName == nil {
		byName = map[string]*namespace{}
	}
	byName[ns.name] = ns
	n.namespaces.Store(&namespaces{byName})
	n.adapters[ns] = a
	peers := n.roster.Load().list
	ns.publish(&Message{Kind: KindInitialHeartbeat}, peers...)
	return peers, nil
}

// forget takes a namespace out, and returns the peers of that moment.
func (n *Node) forget(ns *namespace) []*peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	byName := maps.Clone(n.namespaces.Load().byName)
	if byName[ns.name] == ns {
		delete(byName, ns.name)
		n.namespaces.Store(&namespaces{byName})
	}
	delete(n.adapters, ns)
	return n.roster.Load().list
}

// publish sends m to these peers: one encoding per codec, shared by all that are
// written to in it. It never blocks.
func (n *Node) publish(m *Message, to []*peer) {
	var few [4]*frame
	frames := few[:]
	if len(n.cfg.Codecs) > len(few) {
		frames = make([]*frame, len(n.cfg.Codecs))
	}
	for _, p := range to {
		if p.limited && !m.Kind.Reference() {
			continue
		}
		f := frames[p.codec]
		if f == nil {
			f = n.encode(p.codec, m)
			frames[p.codec] = f
		}
		if f == &unsendable {
			n.stats.dropped(p.id, m.Kind, ErrUnsupported)
			continue
		}
		p.push(f)
	}
	for _, f := range frames {
		if f != nil && f != &unsendable {
			f.release()
		}
	}
}

// unsendable stands for a message that cannot be encoded.
var unsendable frame

func (n *Node) encode(codec int, m *Message) *frame {
	f, err := newFrame(n.cfg.Codecs[codec], m)
	if err == nil && len(f.bytes) > n.cfg.MaxFrame {
		err = fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(f.bytes), n.cfg.MaxFrame)
		f.release()
	}
	if err != nil {
		if n.quiet.first("encode " + m.Kind.String()) {
			n.log.Error("cannot send a message", "kind", m.Kind, "namespace", m.Namespace,
				"codec", n.cfg.Codecs[codec].Name(), "error", err)
		}
		return &unsendable
	}
	return f
}

// meet takes up a connection to a peer as a link, to be run by the caller.
func (n *Node) meet(conn Conn, h *hello, codec int, id string, dialled bool) (*link, error) {
	l, isNew, err := n.register(conn, h, codec, id, dialled)
	if err != nil {
		return nil, err
	}
	limitReads(conn, n.cfg.MaxFrame)
	if isNew {
		n.stats.peerUp(l.peer)
		l.peer.log.Info("peer up", "remote", l.peer.remote, "reference", l.peer.reference,
			"codec", n.cfg.Codecs[codec].Name(), "dialled", dialled)
	}
	return l, nil
}

// register makes a link of a connection: of a peer that is up, or of a new one,
// which it announces the namespaces to.
func (n *Node) register(conn Conn, h *hello, codec int, id string, dialled bool) (l *link, isNew bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != stateRunning {
		return nil, false, ErrClosed
	}
	before, known := n.memories[h.uid]
	if p := n.roster.Load().byID[h.uid]; p != nil && p.reference == (h.offer == nil) {
		l := p.newLink(conn, id, dialled)
		if p.add(l) {
			n.announce(p) // it may have lost sight of us
			return l, false, nil
		}
		before, known = p.memory(), true // it is just going
	}
	p := newPeer(n, h, conn.RemoteAddr(), codec)
	if known && !p.reference {
		p.taken, p.remembered = before.sent, true
		p.received.Store(before.received)
	}
	delete(n.memories, h.uid)
	l = p.newLink(conn, id, dialled)
	p.add(l)
	n.setPeer(p.id, p)
	n.announce(p)
	return l, true, nil
}

// announce tells a peer which namespaces are open here. A reference peer
// answers an initial heartbeat, so that it is known here at once.
func (n *Node) announce(p *peer) {
	kind := KindHeartbeat
	if p.reference {
		kind = KindInitialHeartbeat
	}
	for _, ns := range n.namespaces.Load().byName {
		ns.publish(&Message{Kind: kind}, p)
	}
}

// peerDown is called when the last link to p has ended and all it sent has been
// delivered.
func (n *Node) peerDown(p *peer, cause error) {
	n.mu.Lock()
	if n.roster.Load().byID[p.id] == p {
		n.setPeer(p.id, nil)
	}
	if len(n.memories) < memoryPeak && !p.reference {
		n.memories[p.id] = p.memory()
	}
	n.mu.Unlock()
	close(p.gone)
	for _, ns := range n.namespaces.Load().byName {
		ns.leave(p, cause)
	}
	n.stats.peerDown(p, cause)
	p.log.Info("peer down", "cause", cause)
}

// peerLostUs is called when a peer that is up says that it had no link to us.
func (n *Node) peerLostUs(p *peer) {
	for _, ns := range n.namespaces.Load().byName {
		ns.rejoin(p)
	}
}

// setPeer replaces the snapshot of the peers; n.mu is held.
func (n *Node) setPeer(id string, p *peer) {
	byID := maps.Clone(n.roster.Load().byID)
	if byID == nil {
		byID = map[string]*peer{}
	}
	if p == nil {
		delete(byID, id)
	} else {
		byID[id] = p
	}
	list := slices.SortedFunc(maps.Values(byID), func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
	n.roster.Store(&roster{list, byID})
}

// Peers lists the peers with a link, sorted by id.
func (n *Node) Peers() []PeerInfo {
	list := n.roster.Load().list
	infos := make([]PeerInfo, len(list))
	for i, p := range list {
		infos[i] = p.info()
	}
	return infos
}

// Stats takes a snapshot of the node's counters.
func (n *Node) Stats() Stats {
	s := n.stats.snapshot()
	for _, p := range n.roster.Load().list {
		p.mu.Lock()
		s.Peers = append(s.Peers, PeerStats{p.info(), p.queue.len() + p.queue.writing, p.queue.bytes})
		p.mu.Unlock()
	}
	return s
}

// Shutdown leaves the mesh: it closes all adapters, which tells the others,
// sends what is queued as long as ctx lets it, and closes all links. It returns
// when nothing of the node is left; if ctx ends before, with what was not sent, or
// which listeners have not returned. Later calls do nothing.
func (n *Node) Shutdown(ctx context.Context) error {
	n.mu.Lock()
	was := n.state
	n.state = stateClosed
	adapters := slices.Collect(maps.Values(n.adapters))
	n.mu.Unlock()
	if was == stateClosed {
		return nil
	}
	n.cancel() // no more dials, no more rosters
	for _, a := range adapters {
		a.Close()
	}
	var err error
	if was == stateRunning {
		n.listener.Close()
		err = n.drain(ctx)
		close(n.drained)
		for _, p := range n.roster.Load().list {
			p.fail(CloseShutdown, ErrClosed)
		}
		n.work.Wait()
	}
	for _, a := range adapters {
		if a, ok := a.(joiner); ok {
			err = errors.Join(err, a.join(ctx))
		}
	}
	n.log.Info("node stopped")
	return err
}

// joiner is an adapter that runs user code, which may take its time.
type joiner interface {
	join(ctx context.Context) error
}

// drain waits until all queues are empty.
func (n *Node) drain(ctx context.Context) error {
	list := n.roster.Load().list
	for _, p := range list {
		p.drain()
	}
	for _, p := range list {
		select {
		case <-p.drained:
		case <-p.gone:
		case <-ctx.Done():
			return fmt.Errorf("node: shutdown: messages for %s were not sent: %w", p.id, context.Cause(ctx))
		}
	}
	return nil
}
