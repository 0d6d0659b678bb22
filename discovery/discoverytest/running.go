package discoverytest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Running is a Discovery whose Run has been called. It keeps the rosters that Run reports,
// and checks that it reports them one at a time, and none after its end. One goroutine may
// wait at a time.
type Running struct {
	// Patience bounds the time that anything may take that is waited for. [Start] makes it
	// a minute.
	Patience time.Duration

	t      testing.TB
	self   core.Peer
	cancel context.CancelFunc
	ended  chan struct{} // closed when Run has returned
	err    error         // what it returned

	mu         sync.Mutex
	busy       bool // inside update
	over       bool // Run has returned
	rosters    [][]core.Peer
	read       int // how many of them Want, Next and Unread have read
	violations []string
	changed    chan struct{} // holds one: something above has changed
}

// Start runs d for the node self until the test ends, or [Running.Stop] is called.
func Start(t testing.TB, d core.Discovery, self core.Peer) *Running {
	t.Helper()
	r := run(t, d, self, func([]core.Peer) {})
	t.Cleanup(func() {
		r.Stop()
		r.report()
	})
	return r
}

// run runs d, and calls use with each roster, inside update.
func run(t testing.TB, d core.Discovery, self core.Peer, use func([]core.Peer)) *Running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Running{Patience: time.Minute, t: t, self: self, cancel: cancel, ended: make(chan struct{}), changed: make(chan struct{}, 1)}
	go func() {
		defer close(r.ended)
		err := d.Run(ctx, self, func(roster []core.Peer) { r.update(roster, use) })
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err, r.over = err, true
	}()
	return r
}

func (r *Running) update(roster []core.Peer, use func([]core.Peer)) {
	r.enter()
	r.record(roster)
	use(roster)
	r.leave()
}

func (r *Running) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		r.violations = append(r.violations, "update was called while another call was under way")
	}
	if r.over {
		r.violations = append(r.violations, "update was called after Run had returned")
	}
	r.busy = true
}

func (r *Running) record(roster []core.Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rosters = append(r.rosters, slices.Clone(roster))
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *Running) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
}

// Stop ends the context of Run, and fails the test if Run does not return nil in time.
func (r *Running) Stop() {
	r.t.Helper()
	if err := r.end(); err != nil {
		r.t.Errorf("Run returned %v: want nil", err)
	}
}

// end ends the context, and returns what Run has returned. It fails the test if Run does
// not return in time.
func (r *Running) end() error {
	r.t.Helper()
	r.cancel()
	select {
	case <-r.ended:
	case <-time.After(r.Patience):
		r.t.Fatalf("Run has not returned %v after its context ended", r.Patience)
	}
	return r.err
}

// report fails the test for the violations.
func (r *Running) report() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, violation := range r.violations {
		r.t.Error(violation)
	}
}

// Want waits until the roster is exactly these peers, in this order. The one that was read
// last counts, if there is one, and all later ones, which are read one by one.
func (r *Running) Want(peers ...core.Peer) {
	r.t.Helper()
	same := func(roster []core.Peer) bool { return slices.Equal(roster, peers) }
	r.await(fmt.Sprintf("a roster of %v", peers), func() bool {
		return r.read > 0 && same(r.rosters[r.read-1]) || r.readUntil(same)
	})
}

// Next reads rosters, one by one, until one is wanted. The one that was read last does not
// count. what says in the failure what it waited for.
func (r *Running) Next(what string, wanted func(roster []core.Peer) bool) {
	r.t.Helper()
	r.await(what, func() bool { return r.readUntil(wanted) })
}

// Unread reads all rosters that have been reported by now, and returns them, the oldest
// first.
func (r *Running) Unread() [][]core.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	unread := r.rosters[r.read:]
	r.read = len(r.rosters)
	return unread
}

// readUntil reads rosters up to the first one that is wanted, and reports whether there is
// one. It is called with r.mu held.
func (r *Running) readUntil(wanted func([]core.Peer) bool) bool {
	for r.read < len(r.rosters) {
		r.read++
		if wanted(r.rosters[r.read-1]) {
			return true
		}
	}
	return false
}

// awaitLatest waits until wanted returns true for the latest roster, whatever was read.
func (r *Running) awaitLatest(what string, wanted func(roster []core.Peer) bool) {
	r.t.Helper()
	r.await(what, func() bool { return len(r.rosters) > 0 && wanted(r.rosters[len(r.rosters)-1]) })
}

// awaitPeers waits for a roster of exactly these nodes; r itself may be missing.
func (r *Running) awaitPeers(peers ...*Running) {
	r.t.Helper()
	r.awaitLatest(fmt.Sprintf("a roster of %d nodes", len(peers)), func(roster []core.Peer) bool {
		for _, other := range peers {
			if other != r && !slices.Contains(roster, other.self) {
				return false
			}
		}
		for _, peer := range roster {
			known := func(other *Running) bool { return other.self == peer }
			if peer != r.self && !slices.ContainsFunc(peers, known) {
				return false
			}
		}
		return true
	})
}

// await waits until cond is true. cond is called with r.mu held.
func (r *Running) await(what string, cond func() bool) {
	r.t.Helper()
	check := func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return cond()
	}
	deadline := time.After(r.Patience)
	for !check() {
		select {
		case <-r.changed:
		case <-r.ended:
			if !check() {
				r.t.Fatalf("Run of %q returned (%v) before %s; it has reported %v", r.self.ID, r.err, what, r.last())
			}
			return
		case <-deadline:
			r.t.Fatalf("%s: still not so after %v: the roster of %q is %v", what, r.Patience, r.self.ID, r.last())
		}
	}
}

// last is the latest roster.
func (r *Running) last() []core.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rosters) == 0 {
		return nil
	}
	return r.rosters[len(r.rosters)-1]
}
