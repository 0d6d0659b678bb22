// Package discoverytest checks that a [core.Discovery] keeps its contract. It
// uses the standard library only, so that any implementation can run it:
//
//	func TestConformance(t *testing.T) {
//		discoverytest.Run(t, discoverytest.Features{Announces: true}, func(t *testing.T) func() core.Discovery {
//			server := startMyService(t)
//			return func() core.Discovery { return mydiscovery.New(server.URL) }
//		})
//	}
package discoverytest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Features say what an implementation can do, and so which cases it has to pass.
type Features struct {
	// Announces: a node that runs it is in the rosters of the others, until it
	// leaves.
	Announces bool
	// Reports: a node that runs it alone gets a roster, of itself or empty. Announces
	// implies it.
	Reports bool
	// Patience bounds the time that anything may take that has to happen. Default 30 s.
	Patience time.Duration
}

// A Fabric starts what nodes share, such as a service, and returns a function that makes
// the Discovery of one more node on it. It is called once per case, and stops what it
// has started in t.Cleanup.
type Fabric func(t *testing.T) func() core.Discovery

// Run runs every case as a subtest. Each one is named after the clause of the
// contract that it checks.
func Run(t *testing.T, features Features, fabric Fabric) {
	t.Helper()
	if features.Patience == 0 {
		features.Patience = 30 * time.Second
	}
	features.Reports = features.Reports || features.Announces
	for _, c := range cases {
		t.Run(c.clause, func(t *testing.T) {
			if c.needs != nil && !c.needs(features) {
				t.Skip("not a feature of this discovery")
			}
			c.check(&suite{T: t, Features: features, create: fabric(t)})
		})
	}
}

// suite is what a case works with.
type suite struct {
	*testing.T
	Features
	create func() core.Discovery
}

// start runs a new Discovery as node number i. The end of the case stops it and reports
// its violations.
func (s *suite) start(i int) *Running {
	return s.startWith(i, func([]core.Peer) {})
}

// startWith does the same, and calls use with each roster, inside update.
func (s *suite) startWith(i int, use func([]core.Peer)) *Running {
	s.Helper()
	r := run(s, s.create(), core.Peer{ID: fmt.Sprintf("%016x", i), Address: fmt.Sprintf("ws://127.0.0.1:%d", 40000+i)}, use)
	r.Patience = s.Patience
	s.Cleanup(func() {
		s.stop(r)
		r.report()
	})
	return r
}

// stop ends a node's context, and fails the case if Run does not return in time, or
// returns anything but nil and the context's error.
func (s *suite) stop(r *Running) {
	s.Helper()
	if err := r.end(); err != nil && !errors.Is(err, context.Canceled) {
		s.Errorf("Run returned %v: want nil or the context's error", err)
	}
}

func announces(f Features) bool { return f.Announces }
func reports(f Features) bool   { return f.Reports }

var cases = []struct {
	clause string
	needs  func(Features) bool // nil: every discovery
	check  func(*suite)
}{
	{"NameIsConstantAndLowerCase", nil, nameIsConstant},
	{"RunBlocksUntilContextEnds", nil, runBlocks},
	{"RunReturnsForContextThatHasEnded", nil, runReturnsAtOnce},
	{"RunEndsItsGoroutines", nil, runEndsItsGoroutines},
	{"NoUpdateAfterRun", nil, noUpdateAfterRun},
	{"RosterIsReported", reports, rosterIsReported},
	{"RostersAreTheCallees", reports, rostersAreTheCallees},
	{"NodesSeeEachOther", announces, nodesSeeEachOther},
	{"LeavingTakesTheAnnouncementBack", announces, leavingIsSeen},
	{"ComingBackIsSeen", announces, comingBackIsSeen},
	{"UpdatesComeOneAtATime", announces, updatesComeOneAtATime},
}
