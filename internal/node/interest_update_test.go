package node

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// updatesOf returns the updates that are queued for a peer, in order.
func updatesOf(t *testing.T, p *peer) (all []interestUpdate) {
	t.Helper()
	for {
		p.mu.Lock()
		batch := p.queue.take(0, nil)
		p.queue.sent(0, batch, nil)
		p.mu.Unlock()
		if len(batch) == 0 {
			return all
		}
		for _, f := range batch {
			if f.kind == core.KindInterest {
				_, n, err := decodeInterest(f.bytes[1:])
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, n)
			}
			f.release()
		}
	}
}

func flush(ns *namespace) {
	if f := ns.interest.flush(new(deferred)); f != nil {
		f.release()
	}
}

// interestedPeer returns a peer that wants to be told of rooms, and has no link.
func interestedPeer(n *Node, id string) *peer {
	p := newPeer(n, &hello{uid: id, offer: &offer{features: []string{featureInterest}}}, "", terms{})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.setPeer(id, p)
	return p
}

func watchedNamespace(t testing.TB) *namespace {
	t.Helper()
	n, err := New(core.Config{Transport: noTransport{}, Codecs: []core.Codec{noCodec{}}, Routing: core.RoutingInterest}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ns := newNamespace(n, "/")
	ns.interest.watch()
	return ns
}

// Updates of very many rooms are sent in many frames of bounded size, to a new peer and
// for changes alike. The peer counts as complete after the last one.
func TestUpdateInParts(t *testing.T) {
	const count = 10*maxUpdateRooms + 1
	ns := watchedNamespace(t)
	early := interestedPeer(ns.node, "early")
	for i := range count {
		ns.interest.Occupied(fmt.Sprint(i))
		if n := len(ns.interest.changed); n >= maxUpdateRooms {
			t.Fatalf("%d changes wait", n)
		}
	}
	flush(ns)
	late := interestedPeer(ns.node, "late")
	ns.interest.sendSnapshot(late, new(deferred))

	changes, snapshot := updatesOf(t, early), updatesOf(t, late)
	for _, n := range slices.Concat(changes, snapshot) {
		if len(n.adds)+len(n.removes) > maxUpdateRooms {
			t.Errorf("%d rooms in one frame", len(n.adds)+len(n.removes))
		}
	}
	if len(changes) < 10 || len(snapshot) < 10 {
		t.Errorf("%d and %d frames", len(changes), len(snapshot))
	}
	nobodys := []uint32{hashOf("nobody's")}
	for i, n := range snapshot {
		if i > 0 && !late.interest.wants("/", nobodys) {
			t.Fatalf("taken for complete after %d of %d frames", i, len(snapshot))
		}
		late.interest.take("/", n)
	}
	if late.interest.wants("/", nobodys) {
		t.Error("not taken for complete")
	}
	for i := range count {
		if !late.interest.wants("/", []uint32{hashOf(fmt.Sprint(i))}) {
			t.Fatalf("room %d is unknown", i)
		}
	}
	// A peer that has lost some of it waits for the next beginning.
	late.interest.take("/", snapshot[0])
	late.interest.doubt()
	late.interest.take("/", snapshot[len(snapshot)-1])
	if !late.interest.wants("/", nobodys) {
		t.Error("the end of a list that was lost is taken for all")
	}
}

// A room that changes while the snapshot is being sent is told to the peer, even if it
// changes back.
func TestChangesDuringASnapshot(t *testing.T) {
	const count = 20 * maxUpdateRooms
	ns := watchedNamespace(t)
	for i := range count {
		ns.interest.Occupied(fmt.Sprint(i))
	}
	for round := range 5 {
		p := interestedPeer(ns.node, fmt.Sprint(round))
		stop := make(chan struct{})
		var work sync.WaitGroup
		work.Go(func() {
			for i := 0; ; i = (i + 7919) % count {
				select {
				case <-stop:
					return
				default:
				}
				room := fmt.Sprint(i)
				ns.interest.Vacated(room)
				ns.interest.Occupied(room)
				ns.interest.Occupied(room + "!")
				if i%3 == 0 {
					ns.interest.Vacated(room + "!")
				}
			}
		})
		ns.interest.sendSnapshot(p, new(deferred))
		close(stop)
		work.Wait()
		flush(ns)
		for _, n := range updatesOf(t, p) {
			p.interest.take("/", n)
		}
		view := p.interest.byNamespace["/"]
		if !view.current || view.rooms.count != len(ns.interest.rooms) {
			t.Errorf("current: %v, with %d of %d rooms", view.current, view.rooms.count, len(ns.interest.rooms))
		}
		for h := range ns.interest.rooms {
			if !view.rooms.has(h) {
				t.Fatalf("round %d: room %d is missing", round, h)
			}
		}
	}
}

// A room that changes before a snapshot, and changes back before the change was told,
// is known to the peer as it is.
func TestChangeAroundASnapshot(t *testing.T) {
	ns := watchedNamespace(t)
	ns.interest.Occupied("empties")
	flush(ns)
	ns.interest.Vacated("empties")
	ns.interest.Occupied("fills")
	p := interestedPeer(ns.node, "p")
	ns.interest.sendSnapshot(p, new(deferred))
	ns.interest.Occupied("empties")
	ns.interest.Vacated("fills")
	flush(ns)
	for _, n := range updatesOf(t, p) {
		p.interest.take("/", n)
	}
	for room, want := range map[string]bool{"empties": true, "fills": false} {
		if got := p.interest.wants("/", []uint32{hashOf(room)}); got != want {
			t.Errorf("room %q, which has members: %v, is taken for one that has: %v", room, want, got)
		}
	}
}

// Changes in one namespace cost nothing in the others.
func TestChangesInOneNamespaceAmongMany(t *testing.T) {
	ns := watchedNamespace(t)
	h := &ns.node.announcer
	ns.interest.Occupied("a")
	ns.interest.Occupied("b")
	if dirty, _ := h.take(nil); len(dirty) != 1 || dirty[0] != &ns.interest {
		t.Errorf("%d namespaces have changes, want the one", len(dirty))
	}
	flush(ns)
	ns.interest.Vacated("b")
	if dirty, _ := h.take(nil); len(dirty) != 1 {
		t.Errorf("%d namespaces have changes after a flush, want the one again", len(dirty))
	}
}

// take enters an update, as a peer's is that has nothing withheld from it.
func (r *remoteInterest) take(namespace string, update interestUpdate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enter(namespace, update)
}

// wants tells whether a message for one of the rooms is sent to the peer.
func (r *remoteInterest) wants(namespace string, rooms []uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byNamespace[namespace].wants(rooms)
}
