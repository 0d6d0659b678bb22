package service

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/socketmesh/mesh/core"
)

func peer(id string, port int) core.Peer {
	return core.Peer{ID: id, Address: fmt.Sprintf("ws://127.0.0.1:%d", port)}
}

// smallRegistry publishes each change at once.
func smallRegistry(maxPending, maxNodes int) *registry {
	return newRegistry(ServerOptions{MaxPending: maxPending, MaxNodes: maxNodes, MaxPerSource: 100})
}

// attached adds a connection to the registry.
func attached(t *testing.T, r *registry) *subscriber {
	t.Helper()
	s := newSubscriber("127.0.0.1:1")
	if _, err := r.attach(s); err != nil {
		t.Fatal("the registry is closed")
	}
	return s
}

// due returns the roster that a subscriber has to send; nil if it was not notified, or
// is not registered.
func (r *registry) due(t *testing.T, s *subscriber) []core.Peer {
	t.Helper()
	select {
	case <-s.changed:
	default:
		return nil
	}
	message, registered := r.message(s)
	if !registered || message == nil {
		return nil
	}
	roster, skipped, err := decodeUpdate(message, 1000)
	if err != nil || skipped > 0 {
		t.Fatalf("update does not decode: %v, %d skipped", err, skipped)
	}
	return roster
}

func wantDue(t *testing.T, r *registry, s *subscriber, want ...core.Peer) {
	t.Helper()
	if have := r.due(t, s); !slices.Equal(have, want) {
		t.Errorf("due is %v: want %v", have, want)
	}
}

func TestRegistryKeepsTheOrderOfRegistration(t *testing.T) {
	r := smallRegistry(10, 10)
	x, y, z := attached(t, r), attached(t, r), attached(t, r)
	wantDue(t, r, x)
	r.register(z, peer("c", 3), features{})
	r.register(y, peer("b", 2), features{})
	wantDue(t, r, z, peer("c", 3), peer("b", 2))
	r.register(x, peer("a", 1), features{})
	for _, s := range []*subscriber{x, y, z} {
		wantDue(t, r, s, peer("c", 3), peer("b", 2), peer("a", 1))
		wantDue(t, r, s)
	}
	r.register(y, peer("b", 22), features{})
	wantDue(t, r, x, peer("c", 3), peer("b", 22), peer("a", 1))
	r.detach(z)
	wantDue(t, r, x, peer("b", 22), peer("a", 1))
}

func TestRegistryMovesAConnectionThatChangesItsID(t *testing.T) {
	r := smallRegistry(10, 1)
	x := attached(t, r)
	r.register(x, peer("a", 1), features{})
	if _, ok := r.register(x, peer("b", 1), features{}); !ok {
		t.Fatal("refused: its own place should have been free")
	}
	wantDue(t, r, x, peer("b", 1))
	r.detach(x)
	if nodes, pending := r.counts(); nodes != 0 || pending != 0 {
		t.Errorf("%d nodes and %d pending are left", nodes, pending)
	}
}

func TestRegistryTakeover(t *testing.T) {
	r := smallRegistry(10, 10)
	old, other, taker := attached(t, r), attached(t, r), attached(t, r)
	r.register(old, peer("a", 1), features{})
	r.register(other, peer("b", 2), features{})
	if replaced, _ := r.register(taker, peer("a", 11), features{}); replaced != old {
		t.Error("nobody was replaced")
	}
	wantDue(t, r, old)
	wantDue(t, r, other, peer("a", 11), peer("b", 2))
	wantDue(t, r, taker, peer("a", 11), peer("b", 2))
	if nodes, pending := r.counts(); nodes != 2 || pending != 1 {
		t.Errorf("%d nodes, %d pending: want 2, and the replaced one", nodes, pending)
	}

	if _, registered := r.detach(old); registered {
		t.Error("the replaced connection took something with it")
	}
	wantDue(t, r, other)
	r.detach(taker)
	wantDue(t, r, other, peer("b", 2))
}

// TestRegistryTakeoverByANode: a node that takes over another id frees the one that it
// had.
func TestRegistryTakeoverByANode(t *testing.T) {
	r := smallRegistry(10, 10)
	x, y := attached(t, r), attached(t, r)
	r.register(x, peer("a", 1), features{})
	r.register(y, peer("b", 2), features{})
	r.register(y, peer("a", 2), features{})
	wantDue(t, r, x)
	wantDue(t, r, y, peer("a", 2))
	r.register(x, peer("b", 1), features{})
	wantDue(t, r, y, peer("a", 2), peer("b", 1))
}

func TestRegistryEncodesARosterOnce(t *testing.T) {
	r := smallRegistry(10, 10)
	x, y := attached(t, r), attached(t, r)
	r.register(x, peer("a", 1), features{})
	r.register(y, peer("b", 2), features{})
	one, _ := r.message(x)
	two, _ := r.message(y)
	if &one[0] != &two[0] {
		t.Error("two subscribers got bytes of their own")
	}
}

func TestRegistryEvictsTheOldestThatWaits(t *testing.T) {
	r := smallRegistry(2, 10)
	node := attached(t, r)
	r.register(node, peer("a", 1), features{})
	oldest, second := attached(t, r), attached(t, r)
	third := newSubscriber("")
	if evicted, err := r.attach(third); err != nil || evicted != oldest {
		t.Fatal("the oldest was not evicted")
	}
	if !oldest.stopped() || oldest.reason != core.CloseBusy {
		t.Errorf("the oldest is not stopped as it should be: %v", oldest.reason)
	}
	if node.stopped() || second.stopped() || third.stopped() {
		t.Error("another one was stopped as well")
	}
	if r.register(oldest, peer("late", 1), features{}); oldest.place != nil {
		t.Error("who was evicted could register")
	}
	r.detach(oldest)
	if nodes, pending := r.counts(); nodes != 1 || pending != 2 {
		t.Errorf("%d nodes, %d pending: want 1 and 2", nodes, pending)
	}
}

// TestRegistryTakeoverWhenFull: the replaced connection becomes a pending one. The node
// that registers is not evicted for it.
func TestRegistryTakeoverWhenFull(t *testing.T) {
	r := smallRegistry(1, 10)
	old := attached(t, r)
	r.register(old, peer("a", 1), features{})
	taker := attached(t, r)
	r.register(taker, peer("a", 2), features{})
	if taker.stopped() || old.stopped() {
		t.Error("somebody was evicted: there was room")
	}
	wantDue(t, r, taker, peer("a", 2))
}

func TestRegistryBoundsTheRoster(t *testing.T) {
	r := smallRegistry(10, 2)
	x, y, z := attached(t, r), attached(t, r), attached(t, r)
	r.register(x, peer("a", 1), features{})
	r.register(y, peer("b", 2), features{})
	if _, ok := r.register(z, peer("c", 3), features{}); ok {
		t.Error("a third node was taken: the limit is 2")
	}
	if _, ok := r.register(z, peer("b", 3), features{}); !ok {
		t.Error("a takeover was refused: it makes the roster no longer")
	}
}

func TestRegistryIsSilentWhenClosed(t *testing.T) {
	r := smallRegistry(10, 10)
	x, y := attached(t, r), attached(t, r)
	r.register(x, peer("a", 1), features{})
	r.register(y, peer("b", 2), features{})
	r.due(t, x)
	r.close(closeShutdown)
	r.detach(y)
	wantDue(t, r, x)
	if x.reason != closeShutdown || !x.stopped() {
		t.Errorf("reason is %v", x.reason)
	}
	if _, err := r.attach(newSubscriber("")); !errors.Is(err, core.ErrClosed) {
		t.Error("a connection was taken after the close")
	}
}

// counts returns the numbers of nodes in the roster and of pending connections.
func (r *registry) counts() (nodes, pending int) {
	s := r.stats()
	return s.Nodes, s.Pending
}
