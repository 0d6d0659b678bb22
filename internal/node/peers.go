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

// peerSet is a snapshot of the peers, including those without a link that may resume.
type peerSet struct {
	list      []*peer
	byID      map[string]*peer
	published *tally
}

// tally counts the messages published while a peer set is in use. A peer that comes back
// has missed the messages of the sets that did not contain it.
type tally struct {
	counts [kinds]atomic.Uint64 // with the bit tallyClosed once another set has replaced this one
	final  [kinds]uint64        // the counts at that moment; guarded by the node's lock
	next   *tally               // the tally of the next set; guarded by the node's lock
}

const tallyClosed = 1 << 63

// toPublish returns the peer set to which m is published, and counts m there.
func (n *Node) toPublish(m *core.Message) *peerSet {
	for {
		set := n.peers.Load()
		if m.Volatile() || set.published.counts[m.Kind].Add(1)&tallyClosed == 0 {
			return set
		}
		runtime.Gosched() // until setPeer has stored the next set
	}
}

// close stops the counting, before another set replaces this one; the node's lock is
// held.
func (t *tally) close() {
	for kind := range t.counts {
		if before := t.counts[kind].Or(tallyClosed); before&tallyClosed == 0 {
			t.final[kind] = before
		}
	}
}

// missed returns what was published to this set and all later ones that are closed; the
// node's lock is held.
func (t *tally) missed() (lost lostKinds) {
	for ; t != nil; t = t.next {
		for kind, n := range t.final {
			lost = lost.add(core.Kind(kind), n)
		}
	}
	return lost
}

// departedPeer is what the node remembers of a peer that is gone. If the same process
// comes back, the node can say exactly what was lost.
type departedPeer struct {
	process    processID
	out        outbound
	replays    []replay // kinds of messages that the peer may have received
	in         inbound
	late       *[kinds]uint64 // messages that came for the peer after this was recorded; guarded by the node's lock
	missed     *tally         // of the first peer set without it; nil if there was none, or the peer gets no messages
	at         time.Time
	reconnects uint64 // number of times that it had come back before
}

// lost returns what counts as lost if the process does not come back: messages that were
// not sent, and messages that the peer may have received or not.
func (d *departedPeer) lost() lostKinds {
	lost := d.out.lost.without(d.out.told)
	for i := range d.replays {
		for _, kind := range d.replays[i].trimmed {
			lost = lost.add(kind, 1)
		}
	}
	return lost
}

// maxPeers limits the number of peers, as maxTargets limits the targets: each peer takes
// memory and goroutines, and a member could say HELLO under many ids.
const maxPeers = 4096

// The limits of departedPeer values: how long, and how many.
const (
	rememberFor = 10 * time.Minute
	maxDeparted = 4096
)

// attachLink makes a link of a connection after its handshake. The caller runs the link.
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
			n.announce(p, &later) // a peer without sessions may have lost sight of this node
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

// expireReplaced gives up suspended peers that had p's address: a server that was killed
// and started again has another id.
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

// restartedError says that another process with the id of a peer wants a link.
type restartedError struct{ before *peer }

func (e *restartedError) Error() string {
	return fmt.Sprintf("%v: %s", core.ErrDuplicateID, e.before.id)
}

func (e *restartedError) Unwrap() error { return core.ErrDuplicateID }

// giveWay gives up a peer whose id another process has now, and reports whether it did.
// If the peer has just lost its link, it gets time to resume; if it has a link, it has to
// answer a ping on it.
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

// maySoonResume reports whether a peer has no link, and nothing says that it is gone.
func (p *peer) maySoonResume() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links) == 0 && !p.presumedGone
}

// awaitLink waits until a suspended peer resumes, but no longer than within.
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

// isImpostor reports whether the node that sent h on this connection can be neither p nor
// a restart of p's server: h names p's process with another key, or p has shown a
// certificate and this connection's has another identity. If the process and its key are
// p's, no certificate is compared.
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

// identityOf returns the identity in the peer's certificate; "" if the transport does not
// require one of every server.
func (n *Node) identityOf(conn core.Conn) string {
	c, ok := conn.(core.Certified)
	if t, verifies := n.cfg.Transport.(core.PeerVerifier); !ok || !verifies || !t.VerifiesPeers() {
		return ""
	}
	return c.Identity()
}

// register makes a link from a connection: for a known peer, or for a new one. first
// reports whether the peer had no link.
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
		before, known = n.departing(p), true // the peer is being given up at this moment
	}
	if n.peers.Load().byID[h.uid] == nil && len(n.peers.Load().list) >= n.maxPeers {
		return nil, false, false, fmt.Errorf("%w: %d peers", core.ErrBusy, n.maxPeers)
	}
	source := sourceOf(conn)
	if dialled {
		source = netip.Prefix{} // this node has chosen the address
	} else if err := n.tooMany(source, n.identityOf(conn), h.uid); err != nil {
		return nil, false, false, err
	}
	p := newPeer(n, h, conn.RemoteAddr(), on)
	p.source, p.dialled = source, dialled
	p.certified = n.identityOf(conn)
	switch {
	case known && before.process != p.process:
		p.gapOut = before.lost() // it was lost with the old process
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

// tooMany returns an error if MaxPeersPerSource peers other than id have dialled from a
// source, or with a certificate's identity; n.mu is held. Sources that are no IP
// addresses, and peers without an identity, are not counted.
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

// remember continues with the state that was kept of the same process. p is not published
// yet.
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

// nextLife returns the peer value that has replaced p, which was given up while f was
// being published to it. If there is none, it counts f as late, and returns nil.
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

// announce tells a peer which namespaces are open on this node, and which rooms have
// members. A reference peer answers an initial heartbeat, so this node learns at once
// which namespaces it has.
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

// peerDown is called when a peer is given up for good. Everything that it sent before has
// been delivered.
func (n *Node) peerDown(p *peer, cause error) {
	n.mu.Lock()
	if n.peers.Load().byID[p.id] == p { // otherwise the peer is back already, with the state of this one
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

// peerLostUs is called when a linked peer says that it had given this node up.
func (n *Node) peerLostUs(p *peer) {
	for ns := range n.namespaces.all() {
		ns.rejoin(p)
	}
}

// setPeer replaces the peer set by one with p under this id, or without it if p is nil;
// n.mu is held.
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

// signalPeers wakes the goroutines that wait for links.
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

// linkedPeers returns the peers with a link.
func (n *Node) linkedPeers() []*peer {
	return slices.DeleteFunc(slices.Clone(n.peers.Load().list), func(p *peer) bool { return !p.isLinked() })
}

// departing returns what to remember of a peer that is given up.
func (n *Node) departing(p *peer) departedPeer {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := departedPeer{process: p.process, out: p.out, replays: p.queue.replays, in: p.in, late: p.late, reconnects: p.reconnects, at: time.Now()}
	d.out.lost, d.out.told = maps.Clone(d.out.lost), maps.Clone(d.out.told)
	d.in.link = nil
	return d
}
