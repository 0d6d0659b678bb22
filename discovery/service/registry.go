package service

import (
	"container/list"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// registry knows every connection of a [Server]: those that wait to be
// registered, in the order they came, and those that hold an entry of the
// roster, in the order of registration. It does no I/O: it signals
// subscribers, which then come and fetch the roster.
type registry struct {
	maxPending, maxNodes int

	mu      sync.Mutex
	closed  bool
	all     map[*subscriber]struct{}
	pending list.List                // of *subscriber, the oldest first
	roster  list.List                // of *entry, in the order of registration
	byID    map[string]*list.Element // of roster
	encoded []byte                   // the roster as a message; nil if it has changed since

	attached sync.WaitGroup // one for each of all
}

// entry is a node of the roster.
type entry struct {
	core.Peer
	owner *subscriber
}

func newRegistry(maxPending, maxNodes int) *registry {
	return &registry{
		maxPending: maxPending,
		maxNodes:   maxNodes,
		all:        make(map[*subscriber]struct{}),
		byID:       make(map[string]*list.Element),
	}
}

// attach takes a new connection in, as one that waits. Where there are too many
// of those, the oldest one is stopped and returned. It fails once the registry
// is closed.
func (r *registry) attach(s *subscriber) (evicted *subscriber, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	r.all[s] = struct{}{}
	r.attached.Add(1)
	return r.wait(s), true
}

// wait puts s among those that wait, and stops the oldest where there are too
// many.
func (r *registry) wait(s *subscriber) (evicted *subscriber) {
	if r.pending.Len() >= r.maxPending {
		evicted = r.pending.Front().Value.(*subscriber)
		r.unwait(evicted)
		evicted.stop(core.CloseBusy)
	}
	s.waiting = r.pending.PushBack(s)
	return evicted
}

func (r *registry) unwait(s *subscriber) {
	if s.waiting != nil {
		r.pending.Remove(s.waiting)
		s.waiting = nil
	}
}

// register gives the id of p to s, whoever had it, and tells everybody. The
// entry keeps its place in the roster; whoever had it waits again. What s was
// registered as before is taken back. It fails if the roster is full.
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
	r.unwait(s)
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
		r.wait(replaced)
		replaced.notify()
	}
	e.Peer, e.owner = p, s
	s.place = place
	r.announce()
	return replaced, true
}

// detach forgets a connection that has ended, and tells the others if it held
// an entry, which it returns.
func (r *registry) detach(s *subscriber) (left core.Peer, registered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, attached := r.all[s]; !attached {
		return core.Peer{}, false
	}
	delete(r.all, s)
	r.attached.Done()
	r.unwait(s)
	if s.place == nil {
		return core.Peer{}, false
	}
	left = s.place.Value.(*entry).Peer
	r.withdraw(s)
	r.announce()
	return left, true
}

// withdraw takes the entry of s, if it has one, out of the roster.
func (r *registry) withdraw(s *subscriber) {
	if s.place == nil {
		return
	}
	delete(r.byID, s.place.Value.(*entry).ID)
	r.roster.Remove(s.place)
	s.place = nil
}

// announce tells every registered subscriber that there is a new roster. A
// service that stops says nothing: its nodes have not left.
func (r *registry) announce() {
	r.encoded = nil
	if r.closed {
		return
	}
	for place := r.roster.Front(); place != nil; place = place.Next() {
		place.Value.(*entry).owner.notify()
	}
}

// message is the update that s is due: the roster as it is now, in bytes that
// all share. There is none if s holds no entry.
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

// counts are the numbers of nodes in the roster, and of connections that wait.
func (r *registry) counts() (nodes, pending int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Len(), r.pending.Len()
}
