package node

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// namespace is a namespace that is open on this node: the [core.Cluster] of its adapter.
type namespace struct {
	node     *Node
	name     string
	stream   uint32 // number of the stream for its messages; set when it is opened
	receiver core.Receiver
	closed   atomic.Bool
	interest interest
	covers   owedCovers

	// telling is held while peers are told that the namespace is open or closed, so that
	// "closed" comes last.
	telling sync.Mutex

	// notify is held while a join or leave is made and reported to the receiver, so that
	// reports come in order. mu guards the map alone: the receiver may ask for the
	// members meanwhile.
	notify  sync.Mutex
	mu      sync.Mutex
	members map[string]*peer

	endedMu   sync.Mutex
	notifying int                // goroutines that hold notify, or wait for it
	ended     []core.RequestInfo // requests to report to the observer when notifying is 0
}

var (
	_ core.Cluster         = (*namespace)(nil)
	_ core.RequestTracer   = (*namespace)(nil)
	_ core.HandledNotifier = (*namespace)(nil)
)

func newNamespace(n *Node, name string) *namespace {
	ns := &namespace{node: n, name: name, members: map[string]*peer{}}
	ns.interest.ns, ns.interest.announcer, ns.interest.stats = ns, &n.announcer, &n.stats
	return ns
}

// peers returns all peers, members of the namespace or not.
func (ns *namespace) peers() []*peer { return ns.node.peers.Load().list }

func (ns *namespace) ID() string        { return ns.node.id }
func (ns *namespace) Namespace() string { return ns.name }

func (ns *namespace) Members() []string {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ids := make([]string, 0, len(ns.members))
	for id := range ns.members {
		ids = append(ids, id)
	}
	return ids
}

func (ns *namespace) Publish(m *core.Message) (left []string) {
	if ns.closed.Load() {
		return nil
	}
	var r route
	var later deferred
	if observer := ns.node.stats.publications; observer != nil {
		tally := core.Publication{Namespace: ns.name, Kind: m.Kind}
		left = ns.send(m, ns.routeOf(m, &r), ns.node.toPublish(m).list, &tally, &later)
		later.run()
		observer.Published(tally)
		return left
	}
	left = ns.send(m, ns.routeOf(m, &r), ns.node.toPublish(m).list, nil, &later)
	later.run()
	return left
}

func (ns *namespace) SendTo(id string, m *core.Message) error {
	p := ns.node.peers.Load().byID[id]
	if p == nil {
		return fmt.Errorf("%w: %s to %q", core.ErrNoServer, m.Kind, id)
	}
	if !ns.closed.Load() {
		ns.publish(m, p)
	}
	return nil
}

func (ns *namespace) publish(m *core.Message, to ...*peer) {
	var later deferred
	ns.send(m, nil, to, nil, &later)
	later.run()
}

// send publishes m, after the pending update of rooms. If m is a request, it returns the
// ids of the peers that the route leaves out.
func (ns *namespace) send(m *core.Message, r *route, to []*peer, tally *core.Publication, later *deferred) (left []string) {
	if !ns.node.sends(m) {
		return idsOf(to) // this node's role forbids the message: no peer is asked
	}
	if f := ns.interest.flush(later); f != nil {
		f.release()
	}
	m.From, m.Namespace = ns.node.id, ns.name
	return ns.node.publish(m, ns.stream, r, to, tally, later)
}

func (ns *namespace) Reference(id string) bool {
	p := ns.node.peers.Load().byID[id]
	return p != nil && p.referenceOnly
}

// RequestBegun tells the observer of a request.
func (ns *namespace) RequestBegun(info core.RequestInfo) { ns.node.stats.requestBegun(info) }

// TraceRequest lets the observer trace a request, if it is a [core.RequestTracer].
func (ns *namespace) TraceRequest(ctx context.Context, info core.RequestInfo) (trace string) {
	if tracer, ok := ns.node.cfg.Observer.(core.RequestTracer); ok {
		return tracer.TraceRequest(ctx, info)
	}
	return ""
}

// TraceAnswer lets the observer trace the answer to another server's request.
func (ns *namespace) TraceAnswer(trace, from string, info core.RequestInfo) (done func(error)) {
	if tracer, ok := ns.node.cfg.Observer.(core.RequestTracer); ok {
		return tracer.TraceAnswer(trace, from, info)
	}
	return nil
}

// RequestDone counts a request that has ended and tells the observer: at once, or, if a
// goroutine holds notify, which may be the caller, when it has released it.
func (ns *namespace) RequestDone(info core.RequestInfo) {
	ns.endedMu.Lock()
	later := ns.notifying > 0
	if later {
		ns.ended = append(ns.ended, info)
	}
	ns.endedMu.Unlock()
	if !later {
		ns.node.stats.requestDone(info)
	}
}

// beginNotify acquires notify.
func (ns *namespace) beginNotify() {
	ns.endedMu.Lock()
	ns.notifying++
	ns.endedMu.Unlock()
	ns.notify.Lock()
}

// endNotify releases notify, and reports the requests that ended meanwhile.
func (ns *namespace) endNotify() {
	ns.notify.Unlock()
	ns.endedMu.Lock()
	ns.notifying--
	var ended []core.RequestInfo
	if ns.notifying == 0 {
		ended, ns.ended = ns.ended, nil
	}
	ns.endedMu.Unlock()
	for _, info := range ended {
		ns.node.stats.requestDone(info)
	}
}

func (ns *namespace) Leave() {
	if !ns.closed.Swap(true) {
		ns.node.forget(ns)
	}
}

// seed adds the peers on which the namespace is open to the members.
func (ns *namespace) seed(peers []*peer) {
	for _, p := range peers {
		ns.join(p)
	}
}

// join adds p to the members, unless p is gone or does not have the namespace open.
func (ns *namespace) join(p *peer) {
	ns.beginNotify()
	defer ns.endNotify()
	select {
	case <-p.gone:
		return
	default:
	}
	if !p.has(ns.name) {
		return
	}
	ns.mu.Lock()
	old := ns.members[p.id]
	ns.members[p.id] = p
	ns.mu.Unlock()
	if old == p || ns.closed.Load() {
		return
	}
	if old != nil {
		ns.receiver.MemberLeft(p.id, core.ErrReplaced)
	}
	ns.receiver.MemberJoined(p.id)
}

// rejoin reports that p has left and joined again, which ends the requests that wait for
// it.
func (ns *namespace) rejoin(p *peer) {
	ns.beginNotify()
	defer ns.endNotify()
	ns.mu.Lock()
	member := ns.members[p.id] == p
	ns.mu.Unlock()
	if member && !ns.closed.Load() {
		ns.receiver.MemberLeft(p.id, core.ErrReplaced)
		ns.receiver.MemberJoined(p.id)
	}
}

// leave removes p from the members, if it is one.
func (ns *namespace) leave(p *peer, cause error) {
	ns.covers.forget(p)
	ns.beginNotify()
	defer ns.endNotify()
	ns.mu.Lock()
	member := ns.members[p.id] == p
	if member {
		delete(ns.members, p.id)
	}
	ns.mu.Unlock()
	if member && !ns.closed.Load() {
		ns.receiver.MemberLeft(p.id, cause)
	}
}

// namespaces holds the namespaces that are open on this node, by name. Finding one takes
// no lock, and opening one takes no longer when many others are open.
type namespaces struct{ byName sync.Map }

func (n *namespaces) get(name string) *namespace {
	if ns, ok := n.byName.Load(name); ok {
		return ns.(*namespace)
	}
	return nil
}

// put adds a namespace. It reports false if there is one with this name.
func (n *namespaces) put(ns *namespace) bool {
	_, taken := n.byName.LoadOrStore(ns.name, ns)
	return !taken
}

func (n *namespaces) remove(ns *namespace) { n.byName.CompareAndDelete(ns.name, ns) }

// all iterates over the namespaces. It may miss some that are opened meanwhile, and yield
// some that are closed meanwhile.
func (n *namespaces) all() iter.Seq[*namespace] {
	return func(yield func(*namespace) bool) {
		n.byName.Range(func(_, ns any) bool { return yield(ns.(*namespace)) })
	}
}

// open registers a namespace and announces it to the current peers, which it returns.
// Later peers are told when they are linked.
func (n *Node) open(ns *namespace, a core.Adapter) ([]*peer, error) {
	if err := n.enlist(ns, a); err != nil {
		return nil, err
	}
	peers := n.peers.Load().list
	var later deferred
	ns.tell(core.KindInitialHeartbeat, peers, &later)
	later.run()
	return peers, nil
}

func (n *Node) enlist(ns *namespace, a core.Adapter) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == stateClosed {
		return core.ErrClosed
	}
	if n.namespaces.get(ns.name) != nil {
		return core.ErrNamespaceOpen
	}
	ns.stream = n.streamOf(ns.name)
	if !n.namespaces.put(ns) {
		return core.ErrNamespaceOpen
	}
	n.adapters[ns] = a
	return nil
}

// tell tells peers that the namespace is open, unless it has been closed.
func (ns *namespace) tell(kind core.Kind, peers []*peer, later *deferred) {
	ns.telling.Lock()
	defer ns.telling.Unlock()
	if !ns.closed.Load() {
		ns.send(&core.Message{Kind: kind}, nil, peers, nil, later)
	}
}

// maxStreamNames limits the names with a stream number of their own. Other names share
// numbers, by their hash.
const maxStreamNames = 1 << 12

// streamOf returns the stream number of a name: a new one when the name is first opened,
// and the same one ever after, so that a namespace that is opened again keeps its order.
// n.mu is held.
func (n *Node) streamOf(name string) uint32 {
	stream, known := n.streams[name]
	if known {
		return stream
	}
	if len(n.streams) >= maxStreamNames {
		return hashOf(name)
	}
	stream = uint32(len(n.streams))
	n.streams[name] = stream
	return stream
}

// forget tells the peers that a namespace is closed, and then removes it: in this order,
// so that "closed" is sent before it can be opened again.
func (n *Node) forget(ns *namespace) {
	var later deferred
	defer later.run()
	for _, p := range n.peers.Load().list {
		p.sendAllWithheld(ns.name, &later) // before "closed", after which the peer ignores them
	}
	ns.telling.Lock()
	ns.send(&core.Message{Kind: core.KindAdapterClose}, nil, n.peers.Load().list, nil, &later)
	ns.telling.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.namespaces.remove(ns)
	delete(n.adapters, ns)
}

// deliver handles a message of a peer, or passes it to its namespace.
func (n *Node) deliver(p *peer, m *core.Message) (capacity <-chan struct{}) {
	switch m.Kind {
	case core.KindInitialHeartbeat, core.KindHeartbeat:
		ns := n.opened(p, m.Namespace)
		if m.Kind == core.KindInitialHeartbeat && p.reference && ns != nil {
			ns.publish(&core.Message{Kind: core.KindHeartbeat}, p)
		}
		return nil
	case core.KindAdapterClose:
		p.unmark(m.Namespace)
		p.interest.forget(m.Namespace)
		if ns := n.namespace(m.Namespace); ns != nil {
			ns.leave(p, core.ErrPeerLeft)
		}
		return nil
	}
	if p.reference && !m.Kind.IsResponse() {
		// Any other message makes the sender known (docs/reference-protocol.md, section 6).
		n.opened(p, m.Namespace)
	}
	return n.hand(p, m)
}

// hand passes a message to its namespace.
func (n *Node) hand(p *peer, m *core.Message) (capacity <-chan struct{}) {
	ns := n.namespace(m.Namespace)
	if ns == nil || ns.closed.Load() {
		n.stats.ignored(p.id, m.Kind, errNoNamespace)
		return nil
	}
	return ns.receiver.Receive(m)
}

var errNoNamespace = fmt.Errorf("%w: namespace is not open here", core.ErrUnsupported)

// opened notes that p has a namespace, and returns the namespace of this name that is
// open here, or nil. The note comes first: a namespace that is being opened at the same
// moment looks for the note once it is in the map, so one of the two sees the other.
func (n *Node) opened(p *peer, name string) *namespace {
	isNew := p.mark(name, n.clock.now())
	ns := n.namespace(name)
	if isNew && ns != nil {
		ns.join(p)
	}
	return ns
}

// namespace returns the namespace of this name that is open here, or nil.
func (n *Node) namespace(name string) *namespace { return n.namespaces.get(name) }
