package node

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// remoteInterest is what a peer has told this node of the rooms in its namespaces, and
// what was withheld from it for that.
type remoteInterest struct {
	numbers *atomic.Uint64 // in which lists of withheld messages begin

	mu          sync.Mutex
	gone        bool // the peer has; nothing is withheld any more
	byNamespace map[string]*namespaceInterest
	bytes       int // that all of it takes, roughly
}

// namespaceInterest is what is known of one namespace of a peer. It is not current until
// the peer has told all its rooms, and again after updates may have been lost: then the
// peer gets everything.
type namespaceInterest struct {
	coming  bool // the peer has begun to tell all
	current bool
	stale   bool // there was no link, and the peer has not told all that changed meanwhile
	rooms   hashes

	// What this node has asked the peer's sockets to join. The peer tells when
	// they have; until then it counts as if they had.
	expected map[uint32]time.Time // until when
	flooded  time.Time            // until when anything may be expected

	withheld withheldList
	markedAt time.Time // when the peer was last sent a mark
	overdue  bool      // it has not answered one for too long, so that nothing is withheld
}

// The bounds of what is known of a namespace.
const (
	expectFor   = time.Minute // more than a peer's inbox may hold
	maxExpected = 1 << 14     // rooms
)

// maxInterestBytes bounds what is known of a peer, in all namespaces, whether they are
// open here or not: that is enough for seven million rooms. A peer that has more gets
// everything in the namespace that does not fit.
const maxInterestBytes = 64 << 20

// size is the memory that is taken by what the peer has told of a namespace.
func (n *namespaceInterest) size(name string) int {
	const entry = 512
	return entry + len(name) + n.rooms.size()
}

// of is what is known of a namespace; mu is held.
func (r *remoteInterest) of(namespace string) *namespaceInterest {
	known := r.byNamespace[namespace]
	if known == nil && len(r.byNamespace) < maxNamespaces && r.bytes+new(namespaceInterest).size(namespace) <= maxInterestBytes {
		if r.byNamespace == nil {
			r.byNamespace = map[string]*namespaceInterest{}
		}
		known = &namespaceInterest{}
		if r.numbers != nil {
			// The numbers of a list are not those of an earlier one, of which there may
			// still be an answer under way.
			l := &known.withheld
			l.base = r.numbers.Add(1) << 40
			l.marked, l.covered = l.base, l.base
		}
		r.byNamespace[namespace] = known
		r.bytes += known.size(namespace)
	}
	return known
}

// enter enters an update; mu is held.
func (r *remoteInterest) enter(namespace string, update interestUpdate) {
	known := r.of(namespace)
	if known == nil {
		return
	}
	if update.current {
		known.stale = false
		return
	}
	r.bytes -= known.size(namespace)
	defer func() { r.bytes += known.size(namespace) }()
	if update.first {
		known.rooms, known.coming, known.current = hashes{}, true, false
	}
	if !known.coming && !known.current {
		return // all is still to come
	}
	if update.last && known.coming {
		known.coming, known.current = false, true
	}
	for _, h := range update.adds {
		known.rooms.add(max(1, h))
	}
	for _, h := range update.removes {
		known.rooms.remove(h)
	}
	if r.bytes+known.size(namespace) > maxInterestBytes {
		known.rooms, known.coming, known.current = hashes{}, false, false
	}
}

// age marks all namespaces as stale: while there is no link, the peer cannot tell what
// changes.
func (r *remoteInterest) age() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.byNamespace {
		known.stale = true
	}
}

// doubt marks all namespaces as not current: updates may have been lost.
func (r *remoteInterest) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.byNamespace {
		r.bytes -= known.rooms.size()
		known.rooms, known.coming, known.current = hashes{}, false, false
	}
}

// forget drops a namespace: the peer has closed the namespace.
func (r *remoteInterest) forget(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.byNamespace[namespace]; known != nil {
		known.withheld.clear()
		r.bytes -= known.size(namespace)
		delete(r.byNamespace, namespace)
	}
}

// namespaces lists those of which something is known.
func (r *remoteInterest) namespaces() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.byNamespace))
}

// end withholds nothing any more: the peer has gone.
func (r *remoteInterest) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
}

// isKnown tells whether the peer has told all its rooms, and tells what changes.
func (n *namespaceInterest) isKnown() bool {
	return n != nil && n.current && !n.stale && !n.overdue
}

// wants tells whether the peer may have members of one of rooms.
func (n *namespaceInterest) wants(rooms []uint32) bool {
	if !n.isKnown() {
		return true
	}
	for _, h := range rooms {
		if n.rooms.has(h) {
			return true
		}
	}
	return n.isExpecting() && n.expects(rooms, time.Now())
}

// isExpecting tells whether sockets there were asked to join anything.
func (n *namespaceInterest) isExpecting() bool { return len(n.expected) > 0 || !n.flooded.IsZero() }

func (n *namespaceInterest) expects(rooms []uint32, now time.Time) bool {
	if now.Before(n.flooded) {
		return true
	}
	for _, h := range rooms {
		if now.Before(n.expected[h]) {
			return true
		}
	}
	return false
}

// expect notes that sockets of the peer are asked to join rooms.
func (r *remoteInterest) expect(namespace string, rooms []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.of(namespace); known != nil {
		known.expect(rooms)
	}
}

func (n *namespaceInterest) expect(rooms []string) {
	until := time.Now().Add(expectFor)
	if len(n.expected)+len(rooms) > maxExpected {
		n.expected, n.flooded = nil, until
		return
	}
	if n.expected == nil {
		n.expected = map[uint32]time.Time{}
	}
	for _, room := range rooms {
		n.expected[hashOf(room)] = until
	}
}

// expire forgets what is expected no longer.
func (r *remoteInterest) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.byNamespace {
		for h, until := range known.expected {
			if now.After(until) {
				delete(known.expected, h)
			}
		}
		if now.After(known.flooded) {
			known.flooded = time.Time{}
		}
	}
}
