package discoverytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// node runs one Discovery and checks its calls of update.
type node struct {
	s      *suite
	self   core.Peer
	cancel context.CancelFunc
	ended  chan struct{} // closed when Run has returned
	err    error         // what it returned

	mu         sync.Mutex
	busy       bool // inside update
	over       bool // Run has returned
	roster     []core.Peer
	rosters    int
	violations []string
	changed    chan struct{} // holds one: something above has changed
}

// start runs a new Discovery as node number i. The end of the case stops it and reports
// its violations.
func (s *suite) start(i int) *node {
	return s.startWith(i, func(n *node, roster []core.Peer) {})
}

// startWith does the same, and calls use with each roster, inside update.
func (s *suite) startWith(i int, use func(*node, []core.Peer)) *node {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{
		s:       s,
		self:    core.Peer{ID: fmt.Sprintf("%016x", i), Address: fmt.Sprintf("ws://127.0.0.1:%d", 40000+i)},
		cancel:  cancel,
		ended:   make(chan struct{}),
		changed: make(chan struct{}, 1),
	}
	d := s.create()
	go func() {
		defer close(n.ended)
		err := d.Run(ctx, n.self, func(roster []core.Peer) { n.update(roster, use) })
		n.mu.Lock()
		defer n.mu.Unlock()
		n.err, n.over = err, true
	}()
	s.Cleanup(func() {
		n.stop()
		n.report()
	})
	return n
}

func (n *node) update(roster []core.Peer, use func(*node, []core.Peer)) {
	n.enter()
	n.record(roster)
	use(n, roster)
	n.leave()
}

func (n *node) enter() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy {
		n.violations = append(n.violations, "update was called while another call was under way")
	}
	if n.over {
		n.violations = append(n.violations, "update was called after Run had returned")
	}
	n.busy = true
}

func (n *node) record(roster []core.Peer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.roster = slices.Clone(roster)
	n.rosters++
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

func (n *node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.busy = false
}

// stop ends the context, and fails the case if Run does not return in time, or
// returns anything but nil and the context's error.
func (n *node) stop() {
	n.s.Helper()
	n.cancel()
	select {
	case <-n.ended:
	case <-time.After(n.s.Patience):
		n.s.Fatalf("Run has not returned %v after its context ended", n.s.Patience)
	}
	if n.err != nil && !errors.Is(n.err, context.Canceled) {
		n.s.Errorf("Run returned %v: want nil or the context's error", n.err)
	}
}

// report fails the case for the violations.
func (n *node) report() {
	n.s.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, violation := range n.violations {
		n.s.Error(violation)
	}
}

// await waits until wanted returns true for the latest roster.
func (n *node) await(what string, wanted func(roster []core.Peer) bool) {
	n.s.Helper()
	deadline := time.After(n.s.Patience)
	for {
		n.mu.Lock()
		roster, reported := n.roster, n.rosters > 0
		n.mu.Unlock()
		if reported && wanted(roster) {
			return
		}
		select {
		case <-n.changed:
		case <-n.ended:
			n.s.Fatalf("Run of %s returned (%v) before %s", n.self.ID, n.err, what)
		case <-deadline:
			n.s.Fatalf("%s: still not so after %v: the roster of %s is %v", what, n.s.Patience, n.self.ID, roster)
		}
	}
}

// awaitPeers waits for a roster of exactly these nodes; n itself may be missing.
func (n *node) awaitPeers(peers ...*node) {
	n.s.Helper()
	n.await(fmt.Sprintf("a roster of %d nodes", len(peers)), func(roster []core.Peer) bool {
		for _, other := range peers {
			if other != n && !slices.Contains(roster, other.self) {
				return false
			}
		}
		for _, peer := range roster {
			known := func(other *node) bool { return other.self == peer }
			if peer != n.self && !slices.ContainsFunc(peers, known) {
				return false
			}
		}
		return true
	})
}
