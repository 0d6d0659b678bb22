package service

import (
	"container/list"
	"sync"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/pendingset"
)

// registry holds every connection of a [Server]: the pending ones, which are not
// registered, and those with an entry in the roster, in the order of registration. It
// does no I/O: it notifies subscribers, whose writers then fetch the roster.
type registry struct {
	maxNodes int
	pending  *pendingset.Set[*subscriber]

	mu      sync.Mutex
	closed  bool
	all     map[*subscriber]struct{}
	roster  list.List                // of *entry, in the order of registration
	byID    map[string]*list.Element // of roster
	encoded []byte                   // the roster as a message; nil if it has changed since

	registrations, disconnects, broadcasts uint64

	attached sync.WaitGroup // one for each of all
}

// entry is a node of the roster.
type entry struct {
	core.Peer
	owner *subscriber
}

func newRegistry(maxPending, maxNodes int) *registry {
	return &registry{
		maxNodes: maxNodes,
		pending:  pendingset.New[*subscriber](maxPending),
		all:      make(map[*subscriber]struct{}),
		byID:     make(map[string]*list.Element),
	}
}

// attach adds a new connection, which is pending. If too many are, it stops and
// returns the oldest. It fails once the registry is closed.
func (r *registry) attach(s *subscriber) (evicted *subscriber, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	r.all[s] = struct{}{}
	r.attached.Add(1)
	return r.addPending(s), true
}

// addPending makes s pending. If too many are, it stops and returns the oldest.
func (r *registry) addPending(s *subscriber) (evicted *subscriber) {
	oldest, full := r.pending.Add(s)
	if full {
		oldest.stop(core.CloseBusy)
	}
	return oldest
}

// register gives the id of p to s and notifies all subscribers. If another
// connection has the id, s takes its entry in the same place of the roster, and the
// other one is pending again. An entry that s had under another id is removed. It
// fails if the roster is full.
func (r *registry) register(s *subscriber, p core.Peer) (replaced *subscriber, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || s.stopped() {
		return nil, true
	}
	place, known := r.byID[p.ID]
	if !known && s.place == nil && r.roster.Len() >= r.maxNodes {
		return nil, false
	}
	r.pending.Remove(s)
	if s.place != place {
		r.withdraw(s)
	}
	if !known {
		place = r.roster.PushBack(&entry{})
		r.byID[p.ID] = place
	}
	e := place.Value.(*entry)
	if e.owner != nil && e.owner != s {
		replaced = e.owner
		replaced.place = nil
		r.addPending(replaced)
		replaced.notify()
	}
	e.Peer, e.owner = p, s
	s.place = place
	r.registrations++
	r.announce()
	return replaced, true
}

// sharing returns the id of another node with the address of p, or "".
func (r *registry) sharing(p core.Peer) (id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for place := r.roster.Front(); place != nil; place = place.Next() {
		if e := place.Value.(*entry); e.Address == p.Address && e.ID != p.ID {
			return e.ID
		}
	}
	return ""
}

// detach removes a connection that has ended. If it had an entry it returns that, and
// notifies the others.
func (r *registry) detach(s *subscriber) (left core.Peer, registered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, attached := r.all[s]; !attached {
		return core.Peer{}, false
	}
	delete(r.all, s)
	r.attached.Done()
	r.pending.Remove(s)
	if s.place == nil {
		return core.Peer{}, false
	}
	left = s.place.Value.(*entry).Peer
	r.withdraw(s)
	r.disconnects++
	r.announce()
	return left, true
}

// withdraw removes the entry of s from the roster, if it has one.
func (r *registry) withdraw(s *subscriber) {
	if s.place == nil {
		return
	}
	delete(r.byID, s.place.Value.(*entry).ID)
	r.roster.Remove(s.place)
	s.place = nil
}

// announce notifies every registered subscriber of a new roster. A service that stops
// does not: the nodes whose connections it closes have not left the mesh.
func (r *registry) announce() {
	r.encoded = nil
	if r.closed {
		return
	}
	r.broadcasts++
	for place := r.roster.Front(); place != nil; place = place.Next() {
		place.Value.(*entry).owner.notify()
	}
}

// message returns the update for s: the roster as it is now, in bytes that all
// subscribers share. It reports false if s has no entry.
func (r *registry) message(s *subscriber) (update []byte, registered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.place == nil {
		return nil, false
	}
	if r.encoded == nil {
		r.encoded = appendUpdate(nil, r.peers())
	}
	return r.encoded, true
}

func (r *registry) peers() []core.Peer {
	peers := make([]core.Peer, 0, r.roster.Len())
	for place := r.roster.Front(); place != nil; place = place.Next() {
		peers = append(peers, place.Value.(*entry).Peer)
	}
	return peers
}

// close stops every connection with reason, and refuses new ones.
func (r *registry) close(reason core.CloseReason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for s := range r.all {
		s.stop(reason)
	}
}

// abort closes every connection at once.
func (r *registry) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.all {
		s.abort()
	}
}

// stats returns what the registry knows of [ServerStats].
func (r *registry) stats() ServerStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ServerStats{
		Nodes:         r.roster.Len(),
		Pending:       r.pending.Len(),
		Registrations: r.registrations,
		Disconnects:   r.disconnects,
		Broadcasts:    r.broadcasts,
	}
}
