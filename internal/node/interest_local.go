package node

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// featureInterest is the feature of nodes that route by interest: they tell peers of
// their rooms, and want to be told of the peers' rooms.
const featureInterest = "interest"

// Occupancy returns the value to which the host of an open namespace reports its rooms,
// or nil if this node does not route by interest. A host that calls it has to report
// every room from then on, beginning with those that have members already: peers rely on
// it. A namespace whose host does not call it gets all messages.
func (n *Node) Occupancy(namespace string) core.Occupancy {
	ns := n.namespace(namespace)
	if ns == nil || n.cfg.Routing != core.RoutingInterest {
		return nil
	}
	ns.interest.watch()
	return &ns.interest
}

// interest records, for one namespace, which rooms have members on this node, and tells
// the peers. An update is sent at once if none is being written, otherwise together with
// the next changes; and always before the next message of the namespace.
//
// A call that reports a room, or emits, waits at most for updates of maxUpdateRooms
// rooms.
type interest struct {
	ns        *namespace
	announcer *interestAnnouncer
	stats     *stats
	dirty     atomic.Bool // some changes were not sent to the peers

	// snapshots is held while a peer is sent the whole list: one peer after the other.
	snapshots sync.Mutex

	// mu is held until updates are queued, so that each peer gets them in order.
	mu      sync.Mutex
	watched bool
	partial bool             // a peer was sent a part of the list, and the rest is to follow
	rooms   map[uint32]int32 // number of rooms with members, by hash
	changed map[uint32]bool  // the changes that were not sent: whether a hash has members now
	adds    []uint32         // adds and removes are reused by tell
	removes []uint32
}

// maxUpdateRooms is the number of rooms in one frame: that takes 16 KiB, and some 100 µs.
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
		delete(in.changed, h) // back to what the peers know
	} else {
		in.changed[h] = after > 0
	}
	switch n := len(in.changed); {
	case n >= maxUpdateRooms:
		// The caller may hold its own locks, so observers are called by another
		// goroutine.
		var later deferred
		in.tell(&later).release()
		in.announcer.call(later)
	case n > 0 && !in.dirty.Swap(true):
		in.announcer.add(in)
	}
}

// flush sends the changes, if there are any, and returns the frame that the peers get, or
// nil. The caller releases it.
func (in *interest) flush(later *deferred) *frame {
	if !in.dirty.Load() {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	// A caller that finds dirty false goes on without the lock; so dirty is reset only
	// when the update is in the peers' queues.
	defer in.dirty.Store(false)
	if len(in.changed) == 0 {
		return nil
	}
	return in.tell(later)
}

// tell sends the changes to the peers; mu is held.
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
// with the lock released in between. Meanwhile the peer gets changes like all others do,
// including those that are undone at once.
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
		// The list that p has got contains some of these changes already. If such a room
		// changed back now, the two changes would cancel out, and p would keep what the
		// list said.
		in.tell(later).release()
	}
}

// sendCurrent tells a peer that had no link that it has got all changes: this is queued
// behind the updates that wait.
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
