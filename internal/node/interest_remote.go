package node

import (
	"sync"
	"time"
)

// remoteInterest is what a peer has told this node of the rooms in its namespaces.
type remoteInterest struct {
	mu          sync.Mutex
	byNamespace map[string]*namespaceInterest
}

// namespaceInterest is what is known of one namespace of a peer. It is not current until
// the peer has told all its rooms, and again after updates may have been lost: then the
// peer gets everything.
type namespaceInterest struct {
	coming  bool // the peer has begun to tell all
	current bool
	rooms   hashes

	// What this node has asked the peer's sockets to join. The peer tells when
	// they have; until then it counts as if they had.
	expected map[uint32]time.Time // until when
	flooded  time.Time            // until when anything may be expected
}

// The bounds of what is known of a namespace.
const (
	maxRemoteRooms = 1 << 24     // rooms
	expectFor      = time.Minute // more than a peer's inbox may hold
	maxExpected    = 1 << 14     // rooms
)

// of is what is known of a namespace; mu is held.
func (r *remoteInterest) of(namespace string) *namespaceInterest {
	known := r.byNamespace[namespace]
	if known == nil && len(r.byNamespace) < maxNamespaces {
		if r.byNamespace == nil {
			r.byNamespace = map[string]*namespaceInterest{}
		}
		known = &namespaceInterest{}
		r.byNamespace[namespace] = known
	}
	return known
}

// take enters an update.
func (r *remoteInterest) take(namespace string, update interestUpdate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.of(namespace)
	if known == nil {
		return
	}
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
	if known.rooms.count > maxRemoteRooms {
		known.rooms, known.coming, known.current = hashes{}, false, false
	}
}

// doubt marks all namespaces as not current: updates may have been lost.
func (r *remoteInterest) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.byNamespace {
		known.rooms, known.coming, known.current = hashes{}, false, false
	}
}

// forget drops a namespace: the peer has closed the namespace.
func (r *remoteInterest) forget(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byNamespace, namespace)
}

// wants tells whether the peer may have members of one of rooms.
func (r *remoteInterest) wants(namespace string, rooms []uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.byNamespace[namespace]
	if known == nil || !known.current {
		return true
	}
	for _, h := range rooms {
		if known.rooms.has(h) {
			return true
		}
	}
	return (len(known.expected) > 0 || !known.flooded.IsZero()) && known.expects(rooms, time.Now())
}

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
	known := r.of(namespace)
	if known == nil {
		return
	}
	until := time.Now().Add(expectFor)
	if len(known.expected)+len(rooms) > maxExpected {
		known.expected, known.flooded = nil, until
		return
	}
	if known.expected == nil {
		known.expected = map[uint32]time.Time{}
	}
	for _, room := range rooms {
		known.expected[hashOf(room)] = until
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
