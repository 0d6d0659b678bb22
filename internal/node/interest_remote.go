package node

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// remoteInterest records what a peer has told of the rooms in its namespaces, and the
// messages that are withheld from it because of that.
type remoteInterest struct {
	numbers *atomic.Uint64 // of the node: gives each list of withheld messages its own range of numbers

	mu          sync.Mutex
	gone        bool // the peer is gone; nothing is withheld any more
	byNamespace map[string]*namespaceInterest
	bytes       int // memory of all entries, roughly
}

// namespaceInterest is what is known of one namespace of a peer. It is not current until
// the peer has sent all its rooms, and after updates may have been lost: until then the
// peer gets every message.
type namespaceInterest struct {
	coming  bool // the peer has begun to send all its rooms
	current bool
	stale   bool // the peer has lost its link since, and has not sent all changes from that time
	rooms   hashes

	// The rooms that this node has asked the peer's sockets to join, with the time until
	// which the peer counts as having a member there. The peer reports the join in its
	// own update.
	expected map[uint32]time.Time // until when
	flooded  time.Time            // until then any room may be expected, because expected was full

	withheld withheldList
	markedAt time.Time // when the peer was last sent a mark
	overdue  bool      // it has not answered a mark for too long, so nothing is withheld
}

// The limits of expected. expectFor is longer than it takes a peer to work off a full
// inbox.
const (
	expectFor   = time.Minute
	maxExpected = 1 << 14 // rooms
)

// maxInterestBytes limits the memory per peer, over all its namespaces, whether they are
// open on this node or not: enough for seven million rooms. In a namespace that does not
// fit, the peer gets every message.
const maxInterestBytes = 64 << 20

// size returns roughly the memory of what the peer has told of a namespace.
func (n *namespaceInterest) size(name string) int {
	const entry = 512
	return entry + len(name) + n.rooms.size()
}

// of returns the entry of a namespace, and makes it if there is none; nil if a limit
// forbids that. mu is held.
func (r *remoteInterest) of(namespace string) *namespaceInterest {
	known := r.byNamespace[namespace]
	if known == nil && len(r.byNamespace) < maxNamespaces && r.bytes+new(namespaceInterest).size(namespace) <= maxInterestBytes {
		if r.byNamespace == nil {
			r.byNamespace = map[string]*namespaceInterest{}
		}
		known = &namespaceInterest{}
		if r.numbers != nil {
			// The numbers of a list differ from those of an earlier list, for which an
			// answer may still be under way.
			l := &known.withheld
			l.base = r.numbers.Add(1) << 40
			l.marked, l.covered = l.base, l.base
		}
		r.byNamespace[namespace] = known
		r.bytes += known.size(namespace)
	}
	return known
}

// enter applies an update; mu is held.
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
		return // the whole list is still to come
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

// age marks all namespaces as stale: without a link, the peer cannot report changes.
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

// forget removes a namespace that the peer has closed.
func (r *remoteInterest) forget(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.byNamespace[namespace]; known != nil {
		known.withheld.clear()
		r.bytes -= known.size(namespace)
		delete(r.byNamespace, namespace)
	}
}

// namespaces lists the namespaces that have an entry.
func (r *remoteInterest) namespaces() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.byNamespace))
}

// end is called when the peer is gone: from then on nothing is withheld.
func (r *remoteInterest) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
}

// isKnown reports whether the recorded rooms are complete and up to date.
func (n *namespaceInterest) isKnown() bool {
	return n != nil && n.current && !n.stale && !n.overdue
}

// wants reports whether the peer may have members in one of these rooms.
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

// isExpecting reports whether sockets of the peer were asked to join any room.
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

// expect notes that sockets of the peer are being asked to join rooms. It reports whether
// messages are withheld from the peer.
func (r *remoteInterest) expect(namespace string, rooms []string) (withheld bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.of(namespace)
	if known == nil {
		return false
	}
	known.expect(rooms)
	return known.withheld.count > 0
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

// expire removes the expected rooms whose time is over.
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
