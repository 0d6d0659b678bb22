package discoverytest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// board is discovery inside one process: a list that all nodes read. fault is the name
// of the fault that it has.
type board struct {
	fault string
	mu    sync.Mutex
	nodes []*reader
}

// reader is the Discovery of one node.
type reader struct {
	board   *board
	self    core.Peer
	changed chan struct{}
}

func (r *reader) Name() string {
	if r.board.fault == "name" {
		return "Board"
	}
	return "board"
}

func (r *reader) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	r.self = self
	r.board.change(func(nodes []*reader) []*reader { return append(nodes, r) })
	if r.board.fault != "stays" {
		defer r.board.change(func(nodes []*reader) []*reader {
			return slices.DeleteFunc(nodes, func(other *reader) bool { return other == r })
		})
	}
	switch r.board.fault {
	case "returns early":
		return nil
	case "leaks":
		go func() { <-time.After(5 * time.Second) }()
	case "late update":
		defer func() { go func() { <-time.After(10 * time.Millisecond); update(nil) }() }()
	case "concurrent":
		go update(r.board.roster())
		go update(r.board.roster())
	}
	for {
		select {
		case <-ctx.Done():
			switch r.board.fault {
			case "other error":
				return fmt.Errorf("interrupted")
			case "hangs":
				select {}
			}
			return nil
		case <-r.changed:
			update(r.board.roster())
		}
	}
}

func (b *board) change(to func([]*reader) []*reader) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = to(b.nodes)
	for _, r := range b.nodes {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
}

// shared is the memory of all rosters of a board whose fault is that it does not copy.
var shared = make([]core.Peer, 0, 100)

func (b *board) roster() []core.Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	var roster []core.Peer
	if b.fault == "shared" {
		roster = shared[:0]
		for i := range b.nodes {
			if peer := shared[:cap(shared)][i]; peer.ID != "" {
				roster = append(roster, peer)
				continue
			}
			roster = append(roster, b.nodes[i].self)
		}
		return roster
	}
	for _, r := range b.nodes {
		if b.fault == "blind" && len(roster) == 1 {
			break
		}
		roster = append(roster, r.self)
	}
	return roster
}

func fabricWith(fault string) Fabric {
	return func(*testing.T) func() core.Discovery {
		b := &board{fault: fault}
		return func() core.Discovery { return &reader{board: b, changed: make(chan struct{}, 1)} }
	}
}

func TestGoodOnePasses(t *testing.T) {
	Run(t, Features{Announces: true}, fabricWith(""))
}

// faultVariable says which fault the board has in a process that TestBrokenOnesFail
// starts.
const faultVariable = "DISCOVERYTEST_FAULT"

// TestBrokenOne is run by TestBrokenOnesFail, in another process.
func TestBrokenOne(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		t.Skip("is run by TestBrokenOnesFail")
	}
	Run(t, Features{Announces: true, Patience: 300 * time.Millisecond}, fabricWith(fault))
}

// TestBrokenOnesFail checks that the suite finds each fault, in the right case.
func TestBrokenOnesFail(t *testing.T) {
	for fault, clause := range map[string]string{
		"name":          "NameIsConstantAndLowerCase",
		"returns early": "RunBlocksUntilContextEnds",
		"other error":   "RunBlocksUntilContextEnds",
		"hangs":         "RunBlocksUntilContextEnds",
		"leaks":         "RunEndsItsGoroutines",
		"late update":   "NoUpdateAfterRun",
		"concurrent":    "UpdatesComeOneAtATime",
		"shared":        "RostersAreTheCallees",
		"blind":         "NodesSeeEachOther",
		"stays":         "LeavingTakesTheAnnouncementBack",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			command := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBrokenOne$/^"+clause+"$")
			command.Env = append(os.Environ(), faultVariable+"="+fault)
			output, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(output), "--- FAIL: TestBrokenOne/"+clause) {
				t.Errorf("%s does not fail (%v):\n%s", clause, err, output)
			}
		})
	}
}
