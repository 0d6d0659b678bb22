package node

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// roster is the last report of discovery, and what is known of the servers in it, whether
// this node dials them or they dial this node. It is guarded by the node's lock.
type roster struct {
	heard   time.Time               // when it was reported; zero if none was
	entries map[string]*rosterEntry // by rosterKey; this node is not among them
}

// rosterEntry is another server of the roster.
type rosterEntry struct {
	core.Peer
	since time.Time // when it was listed, or lost its link; zero while it has a link
	err   error     // why the last attempt to link failed, at either end
	self  bool      // not to be linked: this node's own address, or a node whose role needs no link with this one
}

// rosterKey identifies a server: by its id, or by its address if discovery does not know
// ids.
func rosterKey(p core.Peer) string {
	if p.ID != "" {
		return p.ID
	}
	return "address " + p.Address
}

// replace sets a new roster, which does not contain this node. What is known of servers
// that stay is kept.
func (r *roster) replace(peers []core.Peer, now time.Time) {
	before := r.entries
	r.heard, r.entries = now, make(map[string]*rosterEntry, len(peers))
	for _, p := range peers[:min(len(peers), maxTargets)] {
		key := rosterKey(p)
		e := before[key]
		if e == nil {
			e = &rosterEntry{since: now}
		}
		if e.Address != p.Address {
			e.err, e.self = nil, false
		}
		e.Peer = p
		r.entries[key] = e
	}
}

// find returns the entry of a server by its id, its address, or both; nil if there is
// none.
func (r *roster) find(p core.Peer) *rosterEntry {
	if e := r.entries[p.ID]; e != nil {
		return e
	}
	return r.entries[rosterKey(core.Peer{Address: p.Address})]
}

// attemptFailed notes why an attempt to link to a server of the roster has failed.
func (n *Node) attemptFailed(p core.Peer, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.roster.find(p)
	if e == nil {
		return
	}
	e.err = err
	e.self = e.ID == "" && errors.Is(err, core.ErrSelf) || errors.Is(err, errRoles) && n.cfg.Role != core.RoleServer
}

// Roster compares what discovery has reported with the current links.
func (n *Node) Roster() core.RosterStatus {
	endpoints := n.endpoints()
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.rosterStatus(time.Now())
	s.Endpoints = endpoints
	return s
}

// endpoints returns what the discovery asks. That calls users' code, so no lock is held.
func (n *Node) endpoints() []core.DiscoveryEndpoint {
	if d, ok := n.cfg.Discovery.(core.EndpointReporter); ok {
		return d.Endpoints()
	}
	return nil
}

// expected returns the servers of the last roster, sorted by address, except those that
// turned out to need no link. A server without an id gets that of the node that was met
// there.
func (n *Node) expected() []core.Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	peers := make([]core.Peer, 0, len(n.roster.entries))
	for key, e := range n.roster.entries {
		if !e.self {
			peers = append(peers, core.Peer{ID: n.idOf(key, e), Address: e.Address})
		}
	}
	slices.SortFunc(peers, comparePeers)
	return peers
}

// idOf returns the id of a server of the roster, or that of the node that was met at its
// address; n.mu is held.
func (n *Node) idOf(key string, e *rosterEntry) string {
	if t := n.targets[key]; e.ID == "" && t != nil {
		return t.id
	}
	return e.ID
}

func comparePeers(a, b core.Peer) int {
	return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.ID, b.ID))
}

// rosterStatus is Roster for callers that hold n.mu.
func (n *Node) rosterStatus(now time.Time) core.RosterStatus {
	s := core.RosterStatus{Heard: !n.roster.heard.IsZero()}
	linked := n.linkedPeers()
	ids, addresses := make(map[string]bool, len(linked)), make(map[string]bool, len(linked))
	for _, p := range linked {
		ids[p.id], addresses[p.address] = true, true
	}
	for key, e := range n.roster.entries {
		if e.self {
			continue
		}
		s.Others++
		if ids[n.idOf(key, e)] || e.ID == "" && addresses[e.Address] {
			e.since, e.err = time.Time{}, nil
			continue
		}
		if e.since.IsZero() {
			e.since = now
		}
		s.Unlinked = append(s.Unlinked, core.UnlinkedPeer{Peer: e.Peer, Since: e.since, Err: e.err})
	}
	slices.SortFunc(s.Unlinked, func(a, b core.UnlinkedPeer) int { return comparePeers(a.Peer, b.Peer) })
	return s
}

// WaitForPeers returns when at least want peers are linked. When ctx or the node ends
// before, the error is a [*core.PeersError].
func (n *Node) WaitForPeers(ctx context.Context, want int) error {
	for {
		linked, changed := n.linked()
		if linked >= want {
			return nil
		}
		if err := n.awaitChange(ctx, changed); err != nil {
			return &core.PeersError{Want: want, Linked: linked, Unlinked: n.Roster().Unlinked, Cause: err}
		}
	}
}

// awaitChange waits until changed is closed. It returns an error if the node or ctx ends
// before.
func (n *Node) awaitChange(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-n.ctx.Done():
		return core.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// linked returns the number of linked peers, and a channel that is closed when it
// changes.
func (n *Node) linked() (peers int, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.linkedPeers()), n.peersChanged
}
