package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// roster is what discovery said last, and what is known of the servers in it, whether
// this node dials them or they dial it. It is guarded by the node's lock.
type roster struct {
	heard   bool
	entries map[string]*rosterEntry // by rosterKey; without this node
}

// rosterEntry is another server of the roster.
type rosterEntry struct {
	core.Peer
	since time.Time // when it was listed, or lost its link; zero while it has one
	err   error     // why the last attempt failed, at either end
	self  bool      // an address without an id that turned out to be this node's own
}

// rosterKey tells servers apart: by their ids, or their addresses where these are all
// that discovery knows.
func rosterKey(p core.Peer) string {
	if p.ID != "" {
		return p.ID
	}
	return "address " + p.Address
}

// replace takes a new roster, without this node. What is known of servers that stay is
// kept.
func (r *roster) replace(peers []core.Peer, now time.Time) {
	before := r.entries
	r.heard, r.entries = true, make(map[string]*rosterEntry, len(peers))
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

// find returns the entry of a server that is known by its id, its address, or both;
// nil if there is none.
func (r *roster) find(p core.Peer) *rosterEntry {
	if e := r.entries[p.ID]; e != nil {
		return e
	}
	return r.entries[rosterKey(core.Peer{Address: p.Address})]
}

// attemptFailed notes why there is no link to a server of the roster.
func (n *Node) attemptFailed(p core.Peer, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.roster.find(p)
	if e == nil {
		return
	}
	e.err = err
	e.self = e.ID == "" && errors.Is(err, core.ErrSelf)
}

// Roster compares what discovery has reported with the links that there are.
func (n *Node) Roster() core.RosterStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rosterStatus(time.Now())
}

// expected are the servers of the last roster, by address. Addresses that have turned
// out to be this node's own are not; one without an id has that of the node that was met
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

// idOf is the id of a server of the roster, which may have been met at its address; n.mu
// is held.
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
	s := core.RosterStatus{Heard: n.roster.heard}
	peers := n.peers.Load()
	addresses := make(map[string]bool, len(peers.list))
	for _, p := range peers.list {
		addresses[p.address] = true
	}
	for key, e := range n.roster.entries {
		if e.self {
			continue
		}
		s.Others++
		if peers.byID[n.idOf(key, e)] != nil || e.ID == "" && addresses[e.Address] {
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
		var cause error
		select {
		case <-changed:
			continue
		case <-n.ctx.Done():
			cause = core.ErrClosed
		case <-ctx.Done():
			cause = context.Cause(ctx)
		}
		return &core.PeersError{Want: want, Linked: linked, Unlinked: n.Roster().Unlinked, Cause: cause}
	}
}

// linked is the number of peers, and a channel that is closed when it changes.
func (n *Node) linked() (peers int, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.peers.Load().list), n.peersChanged
}

// Ready tells whether the node takes part in the mesh: it listens, has heard of
// discovery or has a peer, and is linked to at least that many percent of the
// other servers in the roster. Else it returns a [*core.NotReadyError].
func (n *Node) Ready(percent int) error {
	n.mu.Lock()
	state, status := n.state, n.rosterStatus(time.Now())
	n.mu.Unlock()
	var failed []core.FailedCheck
	fail := func(name, detail string) { failed = append(failed, core.FailedCheck{Name: name, Detail: detail}) }
	switch state {
	case stateNew:
		fail("listening", "not started yet")
	case stateClosed:
		fail("listening", "shut down")
	}
	if n.cfg.Discovery != nil && !status.Heard && len(n.peers.Load().list) == 0 {
		fail("discovery", "no roster yet, and no peer")
	}
	linked := status.Others - len(status.Unlinked)
	if linked*100 < percent*status.Others {
		fail("peers", fmt.Sprintf("%d of %d servers of the roster are linked, want %d %%", linked, status.Others, percent))
	}
	if failed == nil {
		return nil
	}
	return &core.NotReadyError{Failed: failed}
}
