package cluster

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// began returns a request that waits for these servers, and the record of what it has
// got.
func began(t *testing.T, ctx context.Context, kind core.Kind, servers ...string) (table *requests, r *request, taken *int, ends *[]error) {
	t.Helper()
	table = newRequests(func(context.Context, core.RequestInfo) string { return "" }, func(core.RequestInfo) {})
	taken, ends = new(int), new([]error)
	r = &request{
		kind: kind,
		take: func(*core.Message) bool { *taken++; return false },
		done: func(err error) { *ends = append(*ends, err) },
	}
	if n, err := table.begin(ctx, r, time.Minute, func() []string { return servers }); n != len(servers) || err != nil {
		t.Fatalf("begin: %d, %v", n, err)
	}
	return table, r, taken, ends
}

// A request ends once. Answers and departures after that change nothing, and nothing of
// the request stays in memory.
func TestRequestEndsOnce(t *testing.T) {
	for name, end := range map[string]func(table *requests, r *request, cancel func()){
		"answered": func(table *requests, r *request, _ func()) {
			table.answer(&core.Message{Kind: core.KindFetchSocketsResponse, From: "b", RequestID: r.id})
		},
		"left":     func(table *requests, _ *request, _ func()) { table.left("b", false) },
		"closed":   func(table *requests, _ *request, _ func()) { table.close() },
		"given up": func(table *requests, _ *request, cancel func()) { cancel(); synctest.Wait() },
		"timeout":  func(*requests, *request, func()) { time.Sleep(time.Hour); synctest.Wait() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				table, r, taken, ends := began(t, ctx, core.KindFetchSockets, "b")
				end(table, r, cancel)
				if len(*ends) != 1 {
					t.Fatalf("ended %d times", len(*ends))
				}
				before := *taken
				if len(table.byID) != 0 {
					t.Error("still in the table")
				}
				if r.timer.Stop() {
					t.Error("the timer still runs")
				}
				if r.detach() {
					t.Error("still attached to ctx")
				}
				late := &core.Message{Kind: core.KindFetchSocketsResponse, From: "c", RequestID: r.id}
				for _, again := range []func() (bool, error){
					func() (bool, error) { return r.enter(late) },
					func() (bool, error) { return r.memberLeft("b", false) },
					func() (bool, error) { return r.giveUp(core.ErrClosed) },
				} {
					if ended, _ := again(); ended {
						t.Error("ended again")
					}
				}
				if *taken != before {
					t.Error("took a late answer")
				}
			})
		})
	}
}

// An acknowledged broadcast counts servers, clients and acknowledgements: here after
// each step.
func TestCountsOfAcknowledgedBroadcast(t *testing.T) {
	count := func(from string, n int) *core.Message {
		return &core.Message{Kind: core.KindBroadcastClientCount, From: from, Count: n}
	}
	ack := func(from string) *core.Message { return &core.Message{Kind: core.KindBroadcastAck, From: from} }
	type step struct {
		m     *core.Message
		takes bool
		owing int
	}
	for name, steps := range map[string][]step{
		"ack before the count": {{ack("b"), false, 2}, {count("b", 1), true, 2}, {ack("b"), true, 1}, {ack("b"), false, 1}},
		"count twice":          {{count("b", 2), true, 2}, {count("b", 0), false, 2}, {ack("b"), true, 2}, {count("b", 2), false, 2}, {ack("b"), true, 1}},
		"no clients":           {{count("b", 0), true, 1}, {count("b", 1), false, 1}, {ack("b"), false, 1}},
		"less than none":       {{count("b", -1), true, 1}, {ack("b"), false, 1}},
		"a newcomer":           {{ack("x"), false, 2}, {count("x", 1), true, 3}, {ack("x"), true, 2}, {ack("x"), false, 2}},
		"a newcomer of none":   {{count("x", 0), true, 2}, {count("x", 1), false, 2}},
		"another's kind":       {{&core.Message{Kind: core.KindFetchSocketsResponse, From: "b"}, false, 2}, {&core.Message{Kind: core.KindServerSideEmitResponse, From: "b"}, false, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table, r, taken, _ := began(t, t.Context(), core.KindBroadcast, "b", "c")
				defer table.close()
				for i, s := range steps {
					before := *taken
					if ended, _ := r.enter(s.m); ended {
						t.Fatalf("step %d ended it", i)
					}
					if took := *taken > before; took != s.takes || r.awaited != s.owing {
						t.Errorf("step %d: took %v, %d owing; want %v, %d", i, took, r.awaited, s.takes, s.owing)
					}
				}
			})
		})
	}
}

// Answers of a server that has gone still count, but are not waited for.
func TestCountsOfServersThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, r, taken, ends := began(t, t.Context(), core.KindBroadcast, "b", "c")
		table.left("b", false)
		answer := func(kind core.Kind, n int) {
			table.answer(&core.Message{Kind: kind, From: "b", RequestID: r.id, Count: n})
		}
		answer(core.KindBroadcastClientCount, 2)
		answer(core.KindBroadcastAck, 0)
		if *taken != 2 || r.awaited != 1 {
			t.Errorf("taken %d, owing %d", *taken, r.awaited)
		}
		table.answer(&core.Message{Kind: core.KindBroadcastClientCount, From: "c", RequestID: r.id})
		if len(*ends) != 1 || (*ends)[0] != nil || len(r.left) != 1 || r.left[0] != "b" || r.lost != 1 {
			t.Errorf("ended with %v, left %q, lost %d", *ends, r.left, r.lost)
		}
	})
}

func TestRequestOfAClosedNamespace(t *testing.T) {
	table := newRequests(func(context.Context, core.RequestInfo) string { t.Error("reported"); return "" }, func(core.RequestInfo) { t.Error("reported") })
	table.close()
	r := &request{kind: core.KindFetchSockets}
	if _, err := table.begin(t.Context(), r, time.Minute, func() []string { return []string{"b"} }); !errors.Is(err, core.ErrClosed) {
		t.Errorf("begin: %v", err)
	}
}
