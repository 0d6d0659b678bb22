package node

import (
	"sync"
	"time"
)

// remoteInterest is what a peer has told of its rooms, by namespace.
type remoteInterest struct {
	mu          sync.Mutex
	byNamespace map[string]*namespaceInterest
}

// namespaceInterest is one namespace of a peer. Until the peer has told all, and again after
// updates may have been lost, it is not current, and the peer gets everything.
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
func (v *remoteInterest) of(namespace string) *namespaceInterest {
	w := v.byNamespace[namespace]
	if w == nil && len(v.byNamespace) < maxNamespaces {
		if v.byNamespace == nil {
			v.byNamespace = map[string]*namespaceInterest{}
		}
		w = &namespaceInterest{}
		v.byNamespace[namespace] = w
	}
	return w
}

// take enters an update.
func (v *remoteInterest) take(namespace string, n interestUpdate) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.of(namespace)
	if w == nil {
		return
	}
	if n.first {
		w.rooms, w.coming, w.current = hashes{}, true, false
	}
	if !w.coming && !w.current {
		return // all is still to come
	}
	if n.last && w.coming {
		w.coming, w.current = false, true
	}
	for _, h := range n.adds {
		w.rooms.add(max(1, h))
	}
	for _, h := range n.removes {
		w.rooms.remove(h)
	}
	if w.rooms.count > maxRemoteRooms {
		w.rooms, w.coming, w.current = hashes{}, false, false
	}
}

// doubt marks all namespaces as not current: updates may have been lost.
func (v *remoteInterest) doubt() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.byNamespace {
		w.rooms, w.coming, w.current = hashes{}, false, false
	}
}

// forget drops a namespace: the peer has closed the namespace.
func (v *remoteInterest) forget(namespace string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byNamespace, namespace)
}

// wants tells whether the peer may have members of one of rooms.
func (v *remoteInterest) wants(namespace string, rooms []uint32) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.byNamespace[namespace]
	if w == nil || !w.current {
		return true
	}
	for _, h := range rooms {
		if w.rooms.has(h) {
			return true
		}
	}
	return (len(w.expected) > 0 || !w.flooded.IsZero()) && w.expects(rooms, time.Now())
}

func (w *namespaceInterest) expects(rooms []uint32, now time.Time) bool {
	if now.Before(w.flooded) {
		return true
	}
	for _, h := range rooms {
		if now.Before(w.expected[h]) {
			return true
		}
	}
	return false
}

// expect notes that sockets of the peer are asked to join rooms.
func (v *remoteInterest) expect(namespace string, rooms []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.of(namespace)
	if w == nil {
		return
	}
	until := time.Now().Add(expectFor)
	if len(w.expected)+len(rooms) > maxExpected {
		w.expected, w.flooded = nil, until
		return
	}
	if w.expected == nil {
		w.expected = map[uint32]time.Time{}
	}
	for _, room := range rooms {
		w.expected[hashOf(room)] = until
	}
}

// expire forgets what is expected no longer.
func (v *remoteInterest) expire(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.byNamespace {
		for h, until := range w.expected {
			if now.After(until) {
				delete(w.expected, h)
			}
		}
		if now.After(w.flooded) {
			w.flooded = time.Time{}
		}
	}
}
