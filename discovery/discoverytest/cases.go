package discoverytest

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
)

func nameIsConstant(s *suite) {
	name := s.create().Name()
	if name == "" || name != strings.ToLower(name) {
		s.Errorf("Name is %q: want a lower-case name", name)
	}
	if again := s.create().Name(); again != name {
		s.Errorf("Name is %q and then %q: want a constant", name, again)
	}
}

// while is how long a case waits for what must not happen.
const while = 50 * time.Millisecond

func runBlocks(s *suite) {
	n := s.start(1)
	select {
	case <-n.ended:
		s.Fatalf("Run returned (%v) while its context went on", n.err)
	case <-time.After(while):
	}
	s.stop(n)
}

func runReturnsAtOnce(s *suite) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d := s.create()
	ended := make(chan error, 1)
	go func() {
		ended <- d.Run(ctx, core.Peer{ID: "0000000000000001", Address: "ws://127.0.0.1:40001"}, func([]core.Peer) {})
	}()
	select {
	case err := <-ended:
		if err != nil && err != ctx.Err() {
			s.Errorf("Run returned %v: want nil or the context's error", err)
		}
	case <-time.After(s.Patience):
		s.Fatalf("Run has not returned after %v, though its context had ended before", s.Patience)
	}
}

func runEndsItsGoroutines(s *suite) {
	s.create() // what the first one starts for all is not Run's
	before := runtime.NumGoroutine()
	for i := range 3 {
		n := s.start(i + 1)
		if s.Reports {
			n.awaitLatest("its first roster", func([]core.Peer) bool { return true })
		}
		s.stop(n)
	}
	// Goroutines of the fabric for a node may end a little later than the node.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(s.Patience)
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-deadline:
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			s.Fatalf("%d goroutines before three runs, %d after them:\n%s", before, runtime.NumGoroutine(), stacks)
		}
	}
}

func noUpdateAfterRun(s *suite) {
	n := s.start(1)
	if s.Reports {
		n.awaitLatest("its first roster", func([]core.Peer) bool { return true })
	}
	s.stop(n)
	if s.Announces {
		s.start(2).awaitLatest("its first roster", func([]core.Peer) bool { return true })
	}
	time.Sleep(while) // the end of the case checks what was called meanwhile
}

func rosterIsReported(s *suite) {
	s.start(1).awaitLatest("its first roster", func([]core.Peer) bool { return true })
}

// rostersAreTheCallees overwrites each roster, spare capacity included. Neither later
// rosters nor those of others may be changed by it.
func rostersAreTheCallees(s *suite) {
	scribble := func(roster []core.Peer) {
		roster = roster[:cap(roster)]
		for i := range roster {
			roster[i] = core.Peer{ID: "scribble", Address: "scribble"}
		}
	}
	intact := func(roster []core.Peer) bool {
		return !slices.ContainsFunc(roster, func(p core.Peer) bool { return p.Address == "scribble" || p.Address == "" })
	}
	first := s.startWith(1, scribble)
	first.awaitLatest("a first roster that is intact", intact)
	second := s.startWith(2, scribble)
	second.awaitLatest("another node's first roster that is intact", intact)
	if s.Announces {
		first.awaitPeers(first, second)
		second.awaitPeers(first, second)
		third := s.startWith(3, scribble)
		first.awaitPeers(first, second, third)
	}
}

func nodesSeeEachOther(s *suite) {
	first, second := s.start(1), s.start(2)
	first.awaitPeers(first, second)
	second.awaitPeers(first, second)
	third := s.start(3)
	for _, n := range []*Running{first, second, third} {
		n.awaitPeers(first, second, third)
	}
}

func leavingIsSeen(s *suite) {
	first, second := s.start(1), s.start(2)
	first.awaitPeers(first, second)
	s.stop(second)
	first.awaitPeers(first)
}

// comingBackIsSeen is what a restart looks like: the same address, a new id.
func comingBackIsSeen(s *suite) {
	first, second := s.start(1), s.start(2)
	first.awaitPeers(first, second)
	s.stop(second)
	first.awaitPeers(first)
	third := s.start(3)
	first.awaitPeers(first, third)
	third.awaitPeers(first, third)
}

// updatesComeOneAtATime changes rosters while an update is running. The end of the case
// checks that calls did not overlap.
func updatesComeOneAtATime(s *suite) {
	slow := func([]core.Peer) { time.Sleep(time.Millisecond) }
	nodes := []*Running{s.startWith(1, slow)}
	for i := range 8 {
		nodes = append(nodes, s.startWith(i+2, slow))
	}
	for _, n := range nodes {
		n.awaitPeers(nodes...)
	}
}
