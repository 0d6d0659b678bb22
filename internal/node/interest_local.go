package node

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// featureInterest is what a node offers that routes by interest: it wants to be
// told, and tells.
const featureInterest = "interest"

// Occupancy returns where the host of an open namespace reports its rooms, or nil if
// this node does not route by interest. A host that asks has to report every room from
// then on, beginning with those that have members already: peers rely on it. A
// namespace whose host does not ask gets everything.
func (n *Node) Occupancy(namespace string) core.Occupancy {
	ns := n.namespace(namespace)
	if ns == nil || n.cfg.Routing != core.RoutingInterest {
		return nil
	}
	ns.interest.watch()
	return &ns.interest
}

// interest is what this node tells its peers about a namespace: which rooms have
// members here. An update goes out at once if none is under way, else together with the
// next ones; and always before the next message of the namespace.
//
// Reporting a room and emitting wait for updates of maxUpdateRooms rooms at most.
type interest struct {
	ns        *namespace
	announcer *interestAnnouncer
	stats     *stats
	dirty     atomic.Bool // there are changes that peers have not been told of

	// snapshots is held while a peer is told all; one peer after the other.
	snapshots sync.Mutex

	// mu is held until updates are queued, so that each peer gets them in order.
	mu      sync.Mutex
	watched bool
	partial bool             // a peer has been told of some of the rooms, and is about to be of others
	rooms   map[uint32]int32 // how many rooms with members have this hash
	changed map[uint32]bool  // of those that peers have not been told of: whether they have members
	adds    []uint32         // for flush
	removes []uint32
}

// maxUpdateRooms is how many rooms the peers are told of in one frame, which takes 16 KiB,
// and some 100 µs.
const maxUpdateRooms = 1 << 12

var _ core.Occupancy = (*interest)(nil)

func (in *interest) watch() {
	in.mu.Lock()
	if in.watched {
		in.mu.Unlock()
		return
	}
	in.watched = true
	in.rooms, in.changed = map[uint32]int32{}, map[uint32]bool{}
	in.mu.Unlock()
	var later deferred
	for _, p := range in.ns.peers() {
		in.sendSnapshot(p, &later)
	}
	later.run()
}

func (in *interest) Occupied(room string) { in.count(hashOf(room), 1) }
func (in *interest) Vacated(room string)  { in.count(hashOf(room), -1) }

func (in *interest) count(h uint32, by int32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	before := in.rooms[h]
	after := before + by
	if after == 0 {
		delete(in.rooms, h)
	} else {
		in.rooms[h] = after
	}
	if (before > 0) == (after > 0) {
		return
	}
	if _, changed := in.changed[h]; changed && !in.partial {
		delete(in.changed, h) // back to what peers know
	} else {
		in.changed[h] = after > 0
	}
	switch n := len(in.changed); {
	case n >= maxUpdateRooms:
		// The caller may hold locks of its own.
		var later deferred
		in.tell(&later).release()
		in.announcer.call(later)
	case n > 0 && !in.dirty.Swap(true):
		in.announcer.add(in)
	}
}

// flush tells what has changed, if anything, and returns the frame that is under way
// to the peers, or nil. The caller releases it.
func (in *interest) flush(later *deferred) *frame {
	if !in.dirty.Load() {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	// Who finds it clean need not wait here, so the peers' queues must have it before.
	defer in.dirty.Store(false)
	if len(in.changed) == 0 {
		return nil
	}
	return in.tell(later)
}

// tell tells what has changed; mu is held.
func (in *interest) tell(later *deferred) *frame {
	in.adds, in.removes = in.adds[:0], in.removes[:0]
	for h, occupied := range in.changed {
		if occupied {
			in.adds = append(in.adds, h)
		} else {
			in.removes = append(in.removes, h)
		}
	}
	clear(in.changed)
	f := newInterestFrame(in.ns, interestUpdate{adds: in.adds, removes: in.removes})
	published := false
	for _, p := range in.ns.peers() {
		if p.wantsInterest && p.push(f, later) {
			published = true
		}
	}
	if published {
		in.stats.publish(f.kind, len(f.bytes))
	}
	return f
}

// sendSnapshot tells a new peer which rooms have members: in one frame, or in several,
// between which the lock is free. The peer gets what changes meanwhile as all the others
// do, also what changes and changes back.
func (in *interest) sendSnapshot(p *peer, later *deferred) {
	if !p.wantsInterest {
		return
	}
	in.snapshots.Lock()
	defer in.snapshots.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.watched {
		return
	}
	in.partial = true
	defer func() { in.partial = false }()
	part := interestUpdate{first: true, adds: make([]uint32, 0, min(len(in.rooms), maxUpdateRooms))}
	for h, n := range in.rooms {
		if n <= 0 {
			continue
		}
		if len(part.adds) == maxUpdateRooms {
			in.push(p, part, later)
			part.first, part.adds = false, part.adds[:0]
			in.mu.Unlock()
			runtime.Gosched()
			in.mu.Lock()
		}
		part.adds = append(part.adds, h)
	}
	part.last = true
	in.push(p, part, later)
	if len(in.changed) > 0 {
		// The list that p got has some of these changes in it. Another change of such a
		// room would cancel the first, and p alone would not hear of it.
		in.tell(later).release()
	}
}

// sendCurrent tells a peer that was without a link that it knows all changes, behind
// those that wait.
func (in *interest) sendCurrent(p *peer, later *deferred) {
	if !p.wantsInterest {
		return
	}
	if f := in.flush(later); f != nil {
		f.release()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.watched {
		in.push(p, interestUpdate{current: true}, later)
	}
}

func (in *interest) push(p *peer, n interestUpdate, later *deferred) {
	f := newInterestFrame(in.ns, n)
	if p.push(f, later) {
		in.stats.publish(f.kind, len(f.bytes))
	}
	f.release()
}
