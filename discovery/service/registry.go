package service

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/pendingset"
)

// registry holds every connection of a [Server]: the pending ones, which have not
// registered, and those with an entry in the roster, in the order of registration. It
// does no I/O: it notifies subscribers, whose writers then fetch what they have not sent
// yet.
//
// A change is published at once if no other one was published within window, otherwise
// together with others at the end of window. So an update is late by window at most, and
// there is one per window, however many nodes come and go.
type registry struct {
	maxNodes     int
	maxPerSource int
	window       time.Duration
	pending      *pendingset.Set[*subscriber]

	mu        sync.Mutex
	closed    bool
	all       map[*subscriber]struct{}
	sources   map[string]int           // number of connections in all, by host
	roster    list.List                // of *entry, in the order of registration
	byID      map[string]*list.Element // elements of roster
	addresses map[string]int           // number of entries with each address

	version     uint64      // of the roster: the number of changes so far
	published   uint64      // the version of which subscribers were last notified
	publishedAt time.Time   // when that was
	timer       *time.Timer // publishes the changes since; nil if there are none
	changes     []change    // the latest ones, oldest first

	// The messages for the published version, encoded when the first subscriber asks for
	// one, and shared by all.
	full   []byte
	deltas map[uint64][]byte // by the version that they start from

	registrations, disconnects, broadcasts uint64

	attached sync.WaitGroup // counts the connections in all, and timer
}

// entry is a node of the roster.
type entry struct {
	core.Peer
	owner  *subscriber
	number uint64 // of its registration
}

// change says that an entry was added, replaced or removed.
type change struct {
	version uint64 // of the roster after it
	id      string
	kind    changeKind
}

type changeKind int

const (
	added    changeKind = iota // at the end of the roster
	replaced                   // in its place
	left
)

func newRegistry(o ServerOptions) *registry {
	return &registry{
		maxNodes:     o.MaxNodes,
		maxPerSource: o.MaxPerSource,
		window:       o.UpdateWindow,
		pending:      pendingset.New[*subscriber](o.MaxPending),
		all:          make(map[*subscriber]struct{}),
		sources:      make(map[string]int),
		byID:         make(map[string]*list.Element),
		addresses:    make(map[string]int),
		deltas:       make(map[uint64][]byte),
	}
}

// attach adds a new connection, which is pending. If too many are pending, it stops and
// returns the oldest. It fails with errTooManyOfSource, and with [core.ErrClosed] once
// the registry is closed.
func (r *registry) attach(s *subscriber) (evicted *subscriber, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	host := s.host()
	switch {
	case r.closed:
		return nil, core.ErrClosed
	case r.sources[host] >= r.maxPerSource:
		return nil, errTooManyOfSource
	}
	r.all[s] = struct{}{}
	r.sources[host]++
	r.attached.Add(1)
	return r.addPending(s), nil
}

// addPending makes s pending. If too many are pending, it stops and returns the oldest.
func (r *registry) addPending(s *subscriber) (evicted *subscriber) {
	oldest, full := r.pending.Add(s)
	if full {
		oldest.stop(core.CloseBusy)
	}
	return oldest
}

// register enters s under the id of p, and publishes the change. If another connection
// has this id, s takes over its entry, in the same place of the roster, and the other one
// (loser) is pending again. An entry of s under another id is removed. It reports false
// if the roster is full.
func (r *registry) register(s *subscriber, p core.Peer, f features) (loser *subscriber, ok bool) {
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
	kind := replaced
	if !known {
		kind = added
		place = r.roster.PushBack(&entry{})
		r.byID[p.ID] = place
	}
	e := place.Value.(*entry)
	if e.owner != nil && e.owner != s {
		loser = e.owner
		loser.place = nil
		r.addPending(loser)
		loser.notify()
	}
	r.dropAddress(e.Address)
	e.Peer, e.owner = p, s
	r.addresses[p.Address]++
	s.place, s.features, s.sent = place, f, 0
	r.registrations++
	e.number = r.registrations
	r.changed(p.ID, kind)
	return loser, true
}

// sharing returns another node with the address of p that registered before p, and its
// connection; nil if there is none. Comparing the order of registration makes sure that
// of two nodes that register concurrently, one finds the other.
func (r *registry) sharing(p core.Peer) (other core.Peer, owner *subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.byID[p.ID]
	if own == nil || r.addresses[p.Address] < 2 {
		return core.Peer{}, nil
	}
	number := own.Value.(*entry).number
	for place := r.roster.Front(); place != nil; place = place.Next() {
		if e := place.Value.(*entry); e.Address == p.Address && e.ID != p.ID && e.number < number {
			return e.Peer, e.owner
		}
	}
	return core.Peer{}, nil
}

// detach removes a connection that has ended. If it had an entry, detach returns it and
// publishes the change.
func (r *registry) detach(s *subscriber) (gone core.Peer, registered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, attached := r.all[s]; !attached {
		return core.Peer{}, false
	}
	delete(r.all, s)
	if host := s.host(); r.sources[host] > 1 {
		r.sources[host]--
	} else {
		delete(r.sources, host)
	}
	r.attached.Done()
	r.pending.Remove(s)
	if s.place == nil {
		return core.Peer{}, false
	}
	gone = s.place.Value.(*entry).Peer
	r.withdraw(s)
	r.disconnects++
	return gone, true
}

// withdraw removes the entry of s from the roster, if it has one.
func (r *registry) withdraw(s *subscriber) {
	if s.place == nil {
		return
	}
	e := s.place.Value.(*entry)
	delete(r.byID, e.ID)
	r.dropAddress(e.Address)
	r.roster.Remove(s.place)
	s.place = nil
	r.changed(e.ID, left)
}

func (r *registry) dropAddress(address string) {
	if r.addresses[address] > 1 {
		r.addresses[address]--
	} else {
		delete(r.addresses, address)
	}
}

// changed records a change of the roster, and schedules its publication. A service that
// stops does not publish: the nodes whose connections it closes have not left the mesh.
func (r *registry) changed(id string, kind changeKind) {
	r.version++
	// A subscriber that misses more changes than the roster has entries gets the whole
	// roster.
	if limit := max(r.roster.Len(), minChanges); len(r.changes) >= 2*limit {
		r.changes = append(r.changes[:0], r.changes[len(r.changes)-limit:]...)
	}
	r.changes = append(r.changes, change{r.version, id, kind})
	if r.closed || r.timer != nil {
		return
	}
	wait := r.window - time.Since(r.publishedAt)
	if wait <= 0 {
		r.publish()
		return
	}
	r.attached.Add(1)
	r.timer = time.AfterFunc(wait, r.publishDue)
}

// minChanges is the number of changes that are kept even if the roster is short.
const minChanges = 64

// publishDue publishes at the end of a window.
func (r *registry) publishDue() {
	defer r.attached.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer = nil; !r.closed {
		r.publish()
	}
}

// publish notifies every registered subscriber of a new roster.
func (r *registry) publish() {
	r.published, r.publishedAt = r.version, time.Now()
	r.full = nil
	clear(r.deltas)
	r.broadcasts++
	for place := r.roster.Front(); place != nil; place = place.Next() {
		place.Value.(*entry).owner.notify()
	}
}

// message returns the message that brings s up to the published roster, in bytes that
// subscribers share; nil if s has it already. It reports false if s has no entry.
//
// The message may contain changes that were not published yet. A later message repeats
// them, which does no harm.
func (r *registry) message(s *subscriber) (update []byte, registered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.place == nil {
		return nil, false
	}
	from := s.sent
	if from >= r.published {
		return nil, true
	}
	s.sent = r.published
	if from > 0 && s.features.deltas {
		if delta := r.delta(from); delta != nil {
			return delta, true
		}
	}
	if r.full == nil {
		r.full = appendUpdate(nil, r.peers())
	}
	return r.full, true
}

// registered reports whether s has an entry.
func (r *registry) registered(s *subscriber) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.place != nil
}

// wantsNotices reports whether the node of s has asked for notices.
func (r *registry) wantsNotices(s *subscriber) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.place != nil && s.features.notices
}

// delta returns the message with the changes from a version to the published one; nil if
// they are not known any more, or are as many as the roster has entries.
func (r *registry) delta(from uint64) []byte {
	if encoded, done := r.deltas[from]; done {
		return encoded
	}
	if len(r.changes) == 0 || r.changes[0].version > from+1 {
		return nil
	}
	at := func(version uint64) int {
		i, _ := slices.BinarySearchFunc(r.changes, version, func(c change, v uint64) int { return cmp.Compare(c.version, v) })
		return i
	}
	var encoded []byte
	if changes := r.changes[at(from+1):at(r.published+1)]; len(changes) < r.roster.Len() {
		encoded = r.encodeDelta(changes)
	}
	r.deltas[from] = encoded
	return encoded
}

// encodeDelta encodes changes. New servers come in the order of the roster, so that nodes
// that get deltas have their roster in the same order.
func (r *registry) encodeDelta(changes []change) []byte {
	where := make(map[string]int, len(changes)) // index of the change that stands for all changes of an id
	var gone []string
	noted := map[string]bool{} // ids in gone
	for i, c := range changes {
		_, known := where[c.id]
		if !known || c.kind == added {
			where[c.id] = i
		}
		if c.kind == left && !noted[c.id] {
			noted[c.id] = true
			gone = append(gone, c.id)
		}
	}
	servers := make([]core.Peer, 0, len(where))
	for i, c := range changes {
		if place := r.byID[c.id]; place != nil && where[c.id] == i {
			servers = append(servers, place.Value.(*entry).Peer)
		}
	}
	return appendDelta(nil, servers, gone)
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
	if r.timer != nil && r.timer.Stop() {
		r.timer = nil
		r.attached.Done()
	}
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

// stats returns the part of [ServerStats] that the registry knows.
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
