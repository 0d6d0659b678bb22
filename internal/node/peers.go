package node

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// peerSet is a snapshot of the peers.
type peerSet struct {
	list []*peer
	byID map[string]*peer
}

// departedPeer is what is kept of a peer that has gone, to see what was lost should it
// come back.
type departedPeer struct {
	sent     uint64
	received uint64
	at       time.Time

	reconnects uint64 // before
}

// The bounds of what is kept.
const (
	rememberFor = 10 * time.Minute
	maxDeparted = 4096
)

// attachLink takes up a connection to a peer as a link, to be run by the caller.
func (n *Node) attachLink(conn core.Conn, h *hello, on terms, id string, dialled bool) (*link, error) {
	l, isNew, err := n.register(conn, h, on, id, dialled)
	if err != nil {
		return nil, err
	}
	var later deferred
	n.announce(l.peer, &later) // which may have lost sight of us, if it is not new
	later.run()
	limitReads(conn, n.cfg.MaxFrame)
	if isNew {
		n.stats.peerUp(l.peer)
		l.peer.log.Info("peer up", "remote", l.peer.remote, "reference", l.peer.reference,
			"version", on.version, "codec", n.cfg.Codecs[on.codec].Name(), "dialled", dialled)
	}
	return l, nil
}

// register makes a link of a connection: of a peer that is up, or of a new one.
func (n *Node) register(conn core.Conn, h *hello, on terms, id string, dialled bool) (l *link, isNew bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != stateRunning {
		return nil, false, core.ErrClosed
	}
	before, known := n.departed[h.uid]
	if p := n.peers.Load().byID[h.uid]; p != nil && p.reference == (h.offer == nil) {
		l := p.newLink(conn, id, dialled)
		if p.add(l) {
			return l, false, nil
		}
		before, known = p.departed(), true // it is just going
	}
	p := newPeer(n, h, conn.RemoteAddr(), on)
	if known {
		p.reconnects = before.reconnects + 1
	}
	if known && !p.reference {
		p.taken, p.remembered = before.sent, true
		p.received.Store(before.received)
	}
	delete(n.departed, h.uid)
	l = p.newLink(conn, id, dialled)
	p.add(l)
	n.setPeer(p.id, p)
	return l, true, nil
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

// peerDown is called when the last link to p, which is l, has ended and all it sent has
// been delivered.
func (n *Node) peerDown(p *peer, l *link) {
	cause := l.err
	n.mu.Lock()
	if n.peers.Load().byID[p.id] == p {
		n.setPeer(p.id, nil)
	}
	if len(n.departed) < maxDeparted {
		n.departed[p.id] = p.departed()
	}
	n.mu.Unlock()
	close(p.gone)
	for ns := range n.namespaces.all() {
		ns.leave(p, cause)
	}
	n.stats.peerDown(p, cause, l.dialled)
	if errors.Is(cause, core.ErrPeerLeft) || errors.Is(cause, core.ErrClosed) || errors.Is(cause, core.ErrReplaced) {
		p.log.Info("peer down", "cause", cause)
		return
	}
	n.attemptFailed(core.Peer{ID: p.id, Address: p.address}, cause)
	attrs := []any{"cause", cause}
	if setting := settingFor(cause, ""); setting != "" {
		attrs = append(attrs, "setting", setting)
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
	n.peers.Store(&peerSet{list, byID})
	close(n.peersChanged)
	n.peersChanged = make(chan struct{})
}
