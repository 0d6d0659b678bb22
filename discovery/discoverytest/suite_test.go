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

func TestGoodDiscoveryPasses(t *testing.T) {
	Run(t, Features{Announces: true}, fabricWith(""))
}

// script is a Discovery that reports these rosters, one after the other.
type script [][]core.Peer

func (script) Name() string { return "script" }

func (s script) Run(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
	for _, roster := range s {
		update(slices.Clone(roster))
	}
	<-ctx.Done()
	return nil
}

// TestRunning: Want takes the roster that was read last, Next a later one, in the order in
// which they were reported, and Unread all that nobody has read.
func TestRunning(t *testing.T) {
	a, b := core.Peer{ID: "a", Address: "ws://a:1"}, core.Peer{ID: "b", Address: "ws://b:1"}
	r := Start(t, script{{}, {a}, {a, b}, {a}, {b}, {a, b}}, a)
	r.Want()
	r.Want(a)
	r.Want(a)
	r.Next("b alone", func(roster []core.Peer) bool { return slices.Equal(roster, []core.Peer{b}) })
	r.awaitLatest("both", func(roster []core.Peer) bool { return len(roster) == 2 })
	if unread := r.Unread(); len(unread) != 1 || !slices.Equal(unread[0], []core.Peer{a, b}) {
		t.Errorf("unread are %v", unread)
	}
	r.Want(a, b)
	if unread := r.Unread(); len(unread) > 0 {
		t.Errorf("unread are %v", unread)
	}
}

// faultVariable says which fault the board has in a process that TestBrokenDiscoveriesFail
// starts.
const faultVariable = "DISCOVERYTEST_FAULT"

// TestBrokenDiscovery is run by TestBrokenDiscoveriesFail, in another process.
func TestBrokenDiscovery(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		t.Skip("is run by TestBrokenDiscoveriesFail")
	}
	Run(t, Features{Announces: true, Patience: 300 * time.Millisecond}, fabricWith(fault))
}

// TestBrokenDiscoveriesFail checks that the suite finds each fault, in the right case.
func TestBrokenDiscoveriesFail(t *testing.T) {
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
			command := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBrokenDiscovery$/^"+clause+"$")
			command.Env = append(os.Environ(), faultVariable+"="+fault)
			output, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(output), "--- FAIL: TestBrokenDiscovery/"+clause) {
				t.Errorf("%s does not fail (%v):\n%s", clause, err, output)
			}
		})
	}
}
