package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// peerSet is a snapshot of the peers, those that may resume included.
type peerSet struct {
	list      []*peer
	byID      map[string]*peer
	published *tally
}

// tally counts the messages that were published for all peers of a set. Those of the
// sets without a peer are what it has missed.
type tally struct {
	counts [kinds]atomic.Uint64 // with tallyClosed once another set takes its place
	final  [kinds]uint64        // what they were then; guarded by the node's lock
	next   *tally               // of that set; guarded by the node's lock
}

const tallyClosed = 1 << 63

// toPublish is the set of peers that get m, which is counted with it.
func (n *Node) toPublish(m *core.Message) *peerSet {
	for {
		set := n.peers.Load()
		if m.Volatile() || set.published.counts[m.Kind].Add(1)&tallyClosed == 0 {
			return set
		}
		runtime.Gosched() // until the next one is there, which is about to be
	}
}

// close ends the counting, before another set takes the place of this one; the node's
// lock is held.
func (t *tally) close() {
	for kind := range t.counts {
		if before := t.counts[kind].Or(tallyClosed); before&tallyClosed == 0 {
			t.final[kind] = before
		}
	}
}

// missed is what was published from this set on, to sets that are closed; the node's lock
// is held.
func (t *tally) missed() (lost lostKinds) {
	for ; t != nil; t = t.next {
		for kind, n := range t.final {
			lost = lost.add(core.Kind(kind), n)
		}
	}
	return lost
}

// departedPeer is what is kept of a peer that has gone, to tell exactly what was lost
// should it come back as the same process.
type departedPeer struct {
	process    processID
	out        outbound
	replays    []replay // with the kinds of messages that it may have
	in         inbound
	late       *[kinds]uint64 // what was for it after that was written down; guarded by the node's lock
	missed     *tally         // from the first set without it; nil if there was none
	at         time.Time
	reconnects uint64 // before
}

// lost is what the peer has not, or perhaps has, if it does not come back.
func (d *departedPeer) lost() lostKinds {
	lost := d.out.lost.without(d.out.told)
	for i := range d.replays {
		for _, kind := range d.replays[i].trimmed {
			lost = lost.add(kind, 1)
		}
	}
	return lost
}

// maxPeers bounds the nodes in a mesh, as maxTargets does: a peer takes memory and
// goroutines, and a member can say HELLO under many ids.
const maxPeers = 4096

// The bounds of what is kept.
const (
	rememberFor = 10 * time.Minute
	maxDeparted = 4096
)

// attachLink takes up a connection to a peer as a link, to be run by the caller.
func (n *Node) attachLink(conn core.Conn, h *hello, on terms, id string, dialled bool) (*link, error) {
	for {
		l, isNew, first, err := n.register(conn, h, on, id, dialled)
		other, restarted := errors.AsType[*restartedError](err)
		if restarted && n.giveWay(other.before) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := l.peer
		limitReads(conn, n.cfg.MaxFrame)
		var later deferred
		switch {
		case isNew:
			n.expireReplaced(p)
			n.announce(p, &later)
			later.run()
			n.stats.peerUp(p)
			p.log.Info("peer up", "remote", p.remote, "reference", p.reference,
				"version", on.version, "codec", n.cfg.Codecs[on.codec].Name(), "dialled", dialled)
		case !p.queue.keeps:
			n.announce(p, &later) // it may have lost sight of us
		default:
			for ns := range n.namespaces.all() {
				ns.interest.sendCurrent(p, &later)
			}
		}
		later.run()
		if first {
			n.signalPeers()
			n.peerLinked(p, l)
		}
		p.tellGaps()
		return l, nil
	}
}

// expireReplaced gives up those that may resume and at whose address p is now: a server
// that was killed and started again has another id.
func (n *Node) expireReplaced(p *peer) {
	if p.address == "" {
		return
	}
	for _, other := range n.peers.Load().list {
		if other != p && other.address == p.address && !other.isLinked() {
			n.expire(other, fmt.Errorf("%w: at its address is %.64q", core.ErrRestarted, p.id))
		}
	}
}

// restartedError says that a peer's id is that of another process.
type restartedError struct{ before *peer }

func (e *restartedError) Error() string {
	return fmt.Sprintf("%v: %s", core.ErrDuplicateID, e.before.id)
}

func (e *restartedError) Unwrap() error { return core.ErrDuplicateID }

// giveWay gives up a peer whose id another process has now, unless there is a link to
// it, or one comes up at once: it may just have broken. The link has to prove that the
// peer lives.
func (n *Node) giveWay(p *peer) bool {
	if p.maySoonResume() {
		n.awaitLink(p, probeTimeout)
	}
	p.probe(probeTimeout)
	if p.isLinked() {
		return false
	}
	n.expire(p, core.ErrRestarted)
	<-p.gone
	return true
}

// maySoonResume tells whether there is no link to a peer, and nothing says that it has
// gone.
func (p *peer) maySoonResume() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links) == 0 && !p.presumedGone
}

// awaitLink waits a while for a peer that may resume to do so.
func (n *Node) awaitLink(p *peer, within time.Duration) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		_, changed := n.linked()
		if p.isLinked() {
			return
		}
		select {
		case <-changed:
		case <-p.gone:
			return
		case <-timer.C:
			return
		case <-n.ctx.Done():
			return
		}
	}
}

// isImpostor tells whether who says h, on this connection, cannot be p, nor the server of
// which p was a process: it names p's process and has another key, or p has shown a
// certificate and this one has another identity. Where both have keys, these tell one
// process from another; without them, certificates do.
func (p *peer) isImpostor(h *hello, conn core.Conn) bool {
	claimed := h.process()
	switch {
	case p.process == claimed && claimed.key != "":
		return false
	case p.process != claimed && p.process.name == claimed.name && claimed.name != "":
		return true
	}
	return p.certified != "" && p.certified != p.node.identityOf(conn)
}

// identityOf is who the peer is by its certificate; "" if servers need not show one
// wherever they link.
func (n *Node) identityOf(conn core.Conn) string {
	c, ok := conn.(core.Certified)
	if t, verifies := n.cfg.Transport.(core.PeerVerifier); !ok || !verifies || !t.VerifiesPeers() {
		return ""
	}
	return c.Identity()
}

// register makes a link of a connection: of a peer that is there, or of a new one. first
// tells that the peer had no link.
func (n *Node) register(conn core.Conn, h *hello, on terms, id string, dialled bool) (l *link, isNew, first bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != stateRunning {
		return nil, false, false, core.ErrClosed
	}
	before, known := n.departed[h.uid]
	if p := n.peers.Load().byID[h.uid]; p != nil && (!p.reference || h.offer == nil) {
		switch {
		case p.isImpostor(h, conn):
			return nil, false, false, fmt.Errorf("%w: %.64q", core.ErrImpostor, h.uid)
		case p.process != h.process() || !p.reference && h.offer == nil:
			return nil, false, false, &restartedError{p}
		}
		l := p.newLink(conn, id, dialled)
		if taken, first := p.add(l); taken {
			return l, false, first, nil
		}
		before, known = n.departing(p), true // it is just going
	}
	if n.peers.Load().byID[h.uid] == nil && len(n.peers.Load().list) >= n.maxPeers {
		return nil, false, false, fmt.Errorf("%w: %d peers", core.ErrBusy, n.maxPeers)
	}
	source := sourceOf(conn)
	if dialled {
		source = netip.Prefix{} // this node has chosen it
	} else if err := n.tooMany(source, n.identityOf(conn), h.uid); err != nil {
		return nil, false, false, err
	}
	p := newPeer(n, h, conn.RemoteAddr(), on)
	p.source, p.dialled = source, dialled
	p.certified = n.identityOf(conn)
	switch {
	case known && before.process != p.process:
		p.gapOut = before.lost() // with the process
	case known:
		p.reconnects = before.reconnects + 1
		if p.queue.keeps {
			n.peers.Load().published.close()
			p.remember(&before)
		}
	}
	delete(n.departed, h.uid)
	p.listed = n.roster.find(core.Peer{ID: p.id, Address: p.address}) != nil
	l = p.newLink(conn, id, dialled)
	p.add(l)
	n.setPeer(p.id, p)
	return l, true, false, nil
}

// tooMany returns an error if as many peers as are allowed have dialled from a source, or
// with a certificate's identity, beside the one with this id; n.mu is held. Sources that
// are no IP addresses are not told apart, and neither are peers without an identity.
func (n *Node) tooMany(source netip.Prefix, identity, id string) error {
	limit := n.cfg.MaxPeersPerSource
	if limit < 0 {
		return nil
	}
	ofSource, ofIdentity := 0, 0
	for _, p := range n.peers.Load().list {
		switch {
		case p.id == id || p.dialled:
			continue
		case source.IsValid() && p.source == source:
			ofSource++
		}
		if identity != "" && p.certified == identity {
			ofIdentity++
		}
	}
	switch {
	case ofSource >= limit:
		return fmt.Errorf("%w from this address: %d (MaxPeersPerSource)", errTooManyPeers, limit)
	case ofIdentity >= limit:
		return fmt.Errorf("%w with a certificate for %.256s: %d (MaxPeersPerSource)", errTooManyPeers, identity, limit)
	}
	return nil
}

var errTooManyPeers = fmt.Errorf("%w: too many peers", core.ErrBusy)

// remember goes on with what is known of the same process. p is nobody else's yet.
func (p *peer) remember(d *departedPeer) {
	p.out, p.in, p.remembered = d.out, d.in, true
	p.in.link = nil
	if p.in.received == nil {
		p.in.id = ""
	}
	p.queue.replays = d.replays
	p.queue.fifos = make([]fifo, len(d.replays))
	p.out.lost = p.out.lost.addAll(d.missed.missed())
	for kind, n := range d.late {
		p.out.lost = p.out.lost.add(core.Kind(kind), n)
	}
}

// nextLife is the peer that has taken the place of one that was given up while something
// was being published for it; nil if there is none. Then it counts what that is.
func (n *Node) nextLife(p *peer, f *frame) *peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if next := n.peers.Load().byID[p.id]; next != nil && next != p && next.process == p.process {
		return next
	}
	if !f.volatile {
		p.late[f.kind]++
	}
	return nil
}

// announce tells a peer which namespaces are open here. A reference peer
// answers an initial heartbeat, so that it is known here at once.
func (n *Node) announce(p *peer, later *deferred) {
	kind := core.KindHeartbeat
	if p.reference {
		kind = core.KindInitialHeartbeat
	}
	to := []*peer{p}
	for ns := range n.namespaces.all() {
		ns.tell(kind, to, later)
		ns.interest.sendSnapshot(p, later)
	}
}

// peerDown is called when a peer has gone for good, and all it sent has been delivered.
func (n *Node) peerDown(p *peer, cause error) {
	n.mu.Lock()
	if n.peers.Load().byID[p.id] == p { // else it is back already, with what was kept
		n.setPeer(p.id, nil)
		if len(n.departed) < maxDeparted {
			d := n.departing(p)
			if p.role == core.RoleServer {
				d.missed = n.peers.Load().published
			}
			n.departed[p.id] = d
		}
	}
	n.mu.Unlock()
	p.endInterest()
	close(p.gone)
	for ns := range n.namespaces.all() {
		ns.leave(p, cause)
	}
	p.mu.Lock()
	told, dialled, lost := p.told, p.lastDialled, maps.Clone(p.out.lost)
	p.mu.Unlock()
	if !told {
		n.stats.peerDown(p, cause, dialled)
	}
	if errors.Is(cause, core.ErrPeerLeft) || errors.Is(cause, core.ErrClosed) || errors.Is(cause, core.ErrReplaced) {
		p.log.Info("peer down", "cause", cause)
		return
	}
	n.attemptFailed(core.Peer{ID: p.id, Address: p.address}, cause)
	attrs := []any{"cause", cause}
	if setting := settingFor(cause, ""); setting != "" {
		attrs = append(attrs, "setting", setting)
	}
	if len(lost) > 0 {
		attrs = append(attrs, "lost", showLost(lost))
	}
	n.logLimit.Log(p.log, slog.LevelWarn, "lost "+p.id, "peer lost", attrs...)
}

// peerLostUs is called when a peer that is up says that it had no link to us.
func (n *Node) peerLostUs(p *peer) {
	for ns := range n.namespaces.all() {
		ns.rejoin(p)
	}
}

// setPeer replaces the snapshot of the peers; n.mu is held.
func (n *Node) setPeer(id string, p *peer) {
	byID := maps.Clone(n.peers.Load().byID)
	if byID == nil {
		byID = map[string]*peer{}
	}
	if p == nil {
		delete(byID, id)
	} else {
		byID[id] = p
	}
	list := slices.SortedFunc(maps.Values(byID), func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
	before := n.peers.Load().published
	before.close()
	before.next = &tally{}
	n.peers.Store(&peerSet{list, byID, before.next})
	n.peersHaveChanged()
}

// signalPeers wakes those who wait for links.
func (n *Node) signalPeers() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.peersHaveChanged()
}

// peersHaveChanged is signalPeers for callers that hold n.mu.
func (n *Node) peersHaveChanged() {
	close(n.peersChanged)
	n.peersChanged = make(chan struct{})
}

// linkedPeers are those with a link.
func (n *Node) linkedPeers() []*peer {
	return slices.DeleteFunc(slices.Clone(n.peers.Load().list), func(p *peer) bool { return !p.isLinked() })
}

// departing is what is kept of a peer when it goes.
func (n *Node) departing(p *peer) departedPeer {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := departedPeer{process: p.process, out: p.out, replays: p.queue.replays, in: p.in, late: p.late, reconnects: p.reconnects, at: time.Now()}
	d.out.lost, d.out.told = maps.Clone(d.out.lost), maps.Clone(d.out.told)
	d.in.link = nil
	return d
}
