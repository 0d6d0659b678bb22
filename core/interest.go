package core

import (
	"sync"
	"sync/atomic"
	"time"
)

// Routing says to which peers an event for rooms is sent.
type Routing string

const (
	// RoutingAll sends every event to all peers.
	RoutingAll Routing = "all"
	// RoutingInterest sends what is for rooms only to peers that have members of
	// one of them. Peers that are not known to tell, as those of another Routing
	// and of the reference, get everything.
	RoutingInterest Routing = "interest"
)

// featureInterest is what a node offers that routes by interest: it wants to be
// told, and tells.
const featureInterest = "interest"

// Occupancy is where a host reports which rooms of a namespace have members on
// this server. All methods may be called at once; those about one room have to
// come in the order of what they report. They do not block on the network.
type Occupancy interface {
	// Occupied: the room has got its first member. What this node sends after
	// the call arrives behind the news.
	Occupied(room string)
	// Vacated: the room has lost its last member.
	Vacated(room string)
}

// Occupancy returns where the host of an open namespace reports, or nil if this
// node does not route by interest. Who asks for it undertakes to report every
// room from then on, beginning with those that have members already; peers rely
// on it. A namespace whose host does not ask gets everything.
func (n *Node) Occupancy(namespace string) Occupancy {
	ns := n.namespace(namespace)
	if ns == nil || n.cfg.Routing != RoutingInterest {
		return nil
	}
	ns.interest.watch()
	return &ns.interest
}

// interest is what this node tells its peers about a namespace: which rooms have
// members here. News go out at once where nothing is under way, and together
// while earlier ones are; and always before the next message.
type interest struct {
	ns    *namespace
	dirty atomic.Bool // there are news

	// mu is held until news are queued, so that each peer gets them in order.
	mu      sync.Mutex
	watched bool
	rooms   map[uint32]int32 // how many rooms with members have this hash
	changed map[uint32]bool  // those that had members when news went out last, or not
	adds    []uint32         // for flush
	removes []uint32
}

var _ Occupancy = (*interest)(nil)

func (in *interest) watch() {
	var later deferred
	defer later.run()
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.watched {
		return
	}
	in.watched = true
	in.rooms, in.changed = map[uint32]int32{}, map[uint32]bool{}
	for _, p := range in.ns.node.roster.Load().list {
		in.snapshot(p, &later)
	}
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
	if _, changed := in.changed[h]; changed {
		delete(in.changed, h) // back to what peers know
	} else {
		in.changed[h] = before > 0
	}
	if len(in.changed) > 0 && !in.dirty.Swap(true) {
		in.ns.node.herald.wake()
	}
}

// flush tells the news, if there are any, and returns the frame that is under way
// to the peers, or nil. The caller releases it.
func (in *interest) flush(later *deferred) *frame {
	if !in.dirty.Load() {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.dirty.Store(false)
	if len(in.changed) == 0 {
		return nil
	}
	in.adds, in.removes = in.adds[:0], in.removes[:0]
	for h, before := range in.changed {
		if before {
			in.removes = append(in.removes, h)
		} else {
			in.adds = append(in.adds, h)
		}
	}
	clear(in.changed)
	f := newInterestFrame(in.ns, news{adds: in.adds, removes: in.removes})
	for _, p := range in.ns.node.roster.Load().list {
		if p.curious {
			p.push(f, later)
		}
	}
	return f
}

// introduce tells a peer which rooms have members, for a beginning.
func (in *interest) introduce(p *peer, later *deferred) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.watched {
		in.snapshot(p, later)
	}
}

// snapshot sends a peer all there is; mu is held.
func (in *interest) snapshot(p *peer, later *deferred) {
	if !p.curious {
		return
	}
	all := make([]uint32, 0, len(in.rooms))
	for h, n := range in.rooms {
		if n > 0 {
			all = append(all, h)
		}
	}
	f := newInterestFrame(in.ns, news{all: true, adds: all})
	p.push(f, later)
	f.release()
}

// herald sends the news of all namespaces, one after the other: while some are
// under way, the next ones gather.
type herald struct {
	node *Node
	news chan struct{}
}

// maxHeraldWait is how long a slow peer keeps news from the others.
const maxHeraldWait = 5 * time.Millisecond

func (h *herald) wake() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// run works until the node has drained its queues.
func (h *herald) run() {
	timer := time.NewTimer(maxHeraldWait)
	defer timer.Stop()
	for {
		select {
		case <-h.news:
		case <-h.node.drained:
			return
		}
		for _, ns := range h.node.namespaces.Load().byName {
			var later deferred
			f := ns.interest.flush(&later)
			later.run()
			if f == nil {
				continue
			}
			written := f.watch()
			f.release()
			timer.Reset(maxHeraldWait)
			select {
			case <-written:
			case <-timer.C:
			case <-h.node.drained:
				return
			}
		}
	}
}
