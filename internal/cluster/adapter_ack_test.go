package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// acks collects acknowledgements. It fails the test if two come at once, or one comes
// after the call has ended.
type acks struct {
	t    *testing.T
	mu   sync.Mutex
	got  []string
	call *core.Call[int]
}

func (a *acks) take(p core.Payload) {
	if !a.mu.TryLock() {
		a.t.Error("two acknowledgements at once")
		return
	}
	defer a.mu.Unlock()
	a.got = append(a.got, string(p.Text))
}

// expect waits for the end. want is the acknowledgements in any order.
func (a *acks) expect(clients int, want ...string) error {
	a.t.Helper()
	n, err := a.call.Wait()
	a.mu.Lock()
	got := slices.Sorted(slices.Values(a.got))
	a.mu.Unlock()
	expect(a.t, "clients", n, clients)
	expectList(a.t, "acknowledgements", got, want...)
	synctest.Wait()
	time.Sleep(time.Minute)
	a.mu.Lock()
	expect(a.t, "acknowledgements behind the end", len(a.got)-len(got), 0)
	a.mu.Unlock()
	return err
}

func ask(t *testing.T, s *coretest.Server, ctx context.Context, to core.Target) *acks {
	a := &acks{t: t}
	a.call = s.BroadcastWithAck(ctx, coretest.Event("ask"), to, a.take)
	return a
}

// expectMissing checks an incomplete answer.
func expectMissing(t *testing.T, err, cause error, servers ...string) {
	t.Helper()
	var incomplete *core.IncompleteError
	if !errors.As(err, &incomplete) || !errors.Is(err, core.ErrIncomplete) {
		t.Fatalf("error is %v, want an incomplete answer", err)
	}
	expectList(t, "missing", incomplete.Missing, servers...)
	if !errors.Is(err, cause) {
		t.Errorf("cause is %v, want %v", incomplete.Cause, cause)
	}
}

// everybodyAnswers makes all clients answer with their id.
func (w *trio) everybodyAnswers() {
	for _, s := range w.servers() {
		for _, n := range []string{"1", "2"} {
			id := s.ID() + n
			w.client(id).AnswerWith(coretest.Value(id))
		}
	}
}

func quoted(ids string) []string {
	var q []string
	for _, id := range strings.Fields(ids) {
		q = append(q, `"`+id+`"`)
	}
	return q
}

func TestAdapterBroadcastWithAck(t *testing.T) {
	for _, tt := range targets {
		t.Run(tt.name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				w.everybodyAnswers()
				traffic := w.traffic()
				began := time.Now()
				a := ask(t, w.a, t.Context(), tt.to)
				want := quoted(tt.want)
				<-a.call.Done()
				expect(t, "it took", time.Since(began), 0)
				expect(t, "error", a.expect(len(want), want...), nil)
				if tt.to.Flags.Local {
					expect(t, "messages", traffic(), 0)
				}
			})
		})
	}
}

func TestAdapterAcksArriveAsTheyCome(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		for i, id := range []string{"a1", "b1", "b2", "c1"} {
			w.client(id).Answer(func(_ core.Payload, ack func(core.Payload)) {
				time.AfterFunc(time.Duration(i+1)*time.Second, func() { ack(core.Payload{}); ack(coretest.Value("again")) })
			})
		}
		a := ask(t, w.a, t.Context(), core.Target{Except: []string{"a2", "c2"}})
		for i := range 4 {
			within(time.Second)
			a.mu.Lock()
			expect(t, "so far", len(a.got), i+1)
			a.mu.Unlock()
		}
		expect(t, "error", a.expect(4, "", "", "", ""), nil)
	})
}

func TestAdapterAckTimeout(t *testing.T) {
	for name, tt := range map[string]struct {
		timeout, within, want time.Duration
	}{
		"the request timeout":     {0, 0, requestTimeout},
		"the caller's":            {time.Second, 0, time.Second},
		"the caller's, longer":    {time.Minute, 0, time.Minute},
		"what ctx leaves":         {0, 2 * time.Second, 2 * time.Second},
		"ctx leaves more":         {0, time.Minute, requestTimeout},
		"not set: negative":       {-1, 0, requestTimeout},
		"the caller's within ctx": {time.Second, time.Minute, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				w.everybodyAnswers()
				w.client("a2").Answer(nil)
				late := w.client("c1").Answer(func(_ core.Payload, ack func(core.Payload)) {
					time.AfterFunc(tt.want+time.Second, func() { ack(coretest.Value("late")) })
				})
				ctx := t.Context()
				if tt.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.within)
					defer cancel()
				}
				began := time.Now()
				a := ask(t, w.a, ctx, core.Target{Flags: core.Flags{Timeout: tt.timeout}})
				<-a.call.Done()
				expect(t, "it took", time.Since(began), tt.want)
				err := a.expect(6, quoted("a1 b1 b2 c2")...)
				expectMissing(t, err, context.DeadlineExceeded, "a", "c")
				expect(t, "c1 heard", len(late.Received()), 1)
				expect(t, "the timeout that b is told", w.b.Host.Calls()[0].To.Flags.Timeout, tt.want)
				expect(t, "the timeout that a's host is told", w.a.Host.Calls()[0].To.Flags.Timeout, tt.want)
			})
		})
	}
}

func TestAdapterAckCancelled(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.client("a1").AnswerWith(coretest.Value("a1"))
		cause := errors.New("the user went home")
		ctx, cancel := context.WithCancelCause(t.Context())
		a := ask(t, w.a, ctx, rooms("odd"))
		within(time.Second)
		cancel(cause)
		synctest.Wait()
		expectMissing(t, a.expect(3, `"a1"`), cause, "b", "c")
	})
}

func TestAdapterAckClosed(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.client("b1").AnswerWith(coretest.Value("b1"))
		a := ask(t, w.a, t.Context(), rooms("odd"))
		synctest.Wait()
		w.a.Close()
		expectMissing(t, a.expect(3, `"b1"`), core.ErrClosed, "a", "c")
		b := ask(t, w.a, t.Context(), core.Target{})
		if err := b.expect(2); !errors.Is(err, core.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		expect(t, "a1 heard", len(w.client("a1").Received()), 2)
		expect(t, "b1 heard", len(w.client("b1").Received()), 1)
	})
}

// A server that dies before it has said how many clients it has counts as none.
func TestAdapterAckServerDiesBeforeItsCount(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		w.Hold("c", "a")
		a := ask(t, w.a, t.Context(), rooms("odd"))
		synctest.Wait()
		began := time.Now()
		w.Kill("c")
		<-a.call.Done()
		expect(t, "it took", time.Since(began), 0)
		expect(t, "error", a.expect(2, quoted("a1 b1")...), nil)
	})
}

// A server that dies before all of its clients have answered counts with those that
// have, as soon as no other server is waited for.
func TestAdapterAckServerDiesBehindItsCount(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		w.client("c1").Answer(nil)
		w.client("b1").Answer(func(_ core.Payload, ack func(core.Payload)) {
			time.AfterFunc(2*time.Second, func() { ack(coretest.Value("b1")) })
		})
		began := time.Now()
		a := ask(t, w.a, t.Context(), core.Target{})
		within(time.Second)
		w.Kill("c")
		<-a.call.Done()
		expect(t, "it took", time.Since(began), 2*time.Second)
		expect(t, "error", a.expect(5, quoted("a1 a2 b1 b2 c2")...), nil)
		expectList(t, "left", a.call.Left(), "c")
	})
}

// Two servers die, one of them after it has said how many clients it has, and a third
// one hangs: only the third is reported as missing.
func TestAdapterAckServersDieAndOneHangs(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		d := w.Join("d", core.AdapterConfig{})
		d.Host.Connect("d1")
		w.everybodyAnswers()
		w.client("c1").Answer(nil)
		w.Hold("b", "a")
		a := ask(t, w.a, t.Context(), core.Target{})
		synctest.Wait()
		w.Kill("b")
		w.Kill("c")
		expectMissing(t, a.expect(4, quoted("a1 a2 c2")...), context.DeadlineExceeded, "d")
		expectList(t, "left", a.call.Left(), "b", "c")
	})
}

// A server that closes the namespace is gone as well. What it said before that counts.
func TestAdapterAckServerLeaves(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		w.Hold("c", "a")
		a := ask(t, w.a, t.Context(), core.Target{})
		synctest.Wait()
		w.c.Close()
		w.Release("c", "a")
		expect(t, "error", a.expect(6, quoted("a1 a2 b1 b2 c1 c2")...), nil)
	})
}

// At the deadline a server that has gone without saying how many clients it has is not
// missing; one that is still there is.
func TestAdapterAckGoneAndSilent(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		w.Hold("b", "a")
		w.Hold("c", "a")
		a := ask(t, w.a, t.Context(), core.Target{})
		synctest.Wait()
		w.Kill("c")
		<-a.call.Done()
		w.Release("b", "a")
		expectMissing(t, a.expect(2, quoted("a1 a2")...), context.DeadlineExceeded, "b")
	})
}

// A server that joined in between may answer; then its clients count.
func TestAdapterAckNewcomer(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		a := ask(t, w.a, t.Context(), rooms("a1"))
		synctest.Wait()
		id := w.lastRequestID(w.b)
		d := w.Join("d", core.AdapterConfig{})
		d.Say("a", &core.Message{Kind: core.KindBroadcastClientCount, RequestID: id, Count: 1})
		synctest.Wait()
		w.client("a1").Answer(nil)
		d.Say("a", &core.Message{Kind: core.KindBroadcastAck, RequestID: id, Payload: coretest.Value("d1")})
		expectMissing(t, a.expect(2, `"d1"`), context.DeadlineExceeded, "a")
	})
}

// Answers that are not expected are ignored: from other servers, twice the same, too
// many, of a wrong kind, or for another request.
func TestAdapterAckForgeries(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.Filter(func(from, _ string, m *core.Message) bool { // c's own answer does not arrive
			return from != "c" || m.Kind != core.KindBroadcastClientCount || m.Count != 0
		})
		a := ask(t, w.a, t.Context(), rooms("b1"))
		synctest.Wait()
		id := w.lastRequestID(w.b)
		say := func(s *coretest.Server, m core.Message) {
			m.RequestID = id
			s.Say("a", &m)
		}
		say(w.b, core.Message{Kind: core.KindBroadcastClientCount, Count: 9})
		say(w.b, core.Message{Kind: core.KindFetchSocketsResponse, Sockets: []core.Socket{{ID: "x"}}})
		say(w.b, core.Message{Kind: core.KindServerSideEmitResponse, Payload: coretest.Value("wrong kind")})
		say(w.c, core.Message{Kind: core.KindBroadcastAck, Payload: coretest.Value("before the count")})
		w.b.Say("a", &core.Message{Kind: core.KindBroadcastAck, RequestID: "feedfeedfeedfeed", Payload: coretest.Value("another")})
		w.b.Say("a", &core.Message{Kind: core.KindBroadcastAck, Payload: coretest.Value("none")})
		synctest.Wait()
		say(w.b, core.Message{Kind: core.KindBroadcastAck, Payload: coretest.Value("b1")})
		say(w.b, core.Message{Kind: core.KindBroadcastAck, Payload: coretest.Value("too many")})
		synctest.Wait()
		say(w.c, core.Message{Kind: core.KindBroadcastClientCount, Count: -3})
		expect(t, "error", a.expect(1, `"b1"`), nil)
		say(w.b, core.Message{Kind: core.KindBroadcastAck, Payload: coretest.Value("late")})
		say(w.c, core.Message{Kind: core.KindBroadcastClientCount, Count: 7})
		synctest.Wait()
		expect(t, "acknowledgements", len(a.got), 1)
	})
}

// lastRequestID returns the id of the last request that reached a server.
func (w *trio) lastRequestID(at *coretest.Server) string {
	w.t.Helper()
	id := ""
	for _, m := range at.Messages() {
		if m.RequestID != "" {
			id = m.RequestID
		}
	}
	if len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" {
		w.t.Fatalf("request id is %q", id)
	}
	return id
}

// If the target is a single client, its answer ends the call: a server that hangs is
// not waited for.
func TestAdapterAckOfASingleClient(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		w.Hold("c", "a")
		began := time.Now()
		to := rooms("b1")
		to.Flags.ExpectSingleResponse = true
		a := ask(t, w.a, t.Context(), to)
		<-a.call.Done()
		expect(t, "it took", time.Since(began), 0)
		expect(t, "error", a.expect(1, `"b1"`), nil)
		w.Release("c", "a")
	})
}

// An ack callback that blocks delays neither other answers nor other requests, nor one
// that it makes itself. The call ends after the callback has returned.
func TestAdapterAckMayBlock(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		found := 0
		call := w.a.BroadcastWithAck(t.Context(), coretest.Event("ask"), core.Target{}, func(core.Payload) {
			sockets, err := w.a.FetchSockets(t.Context(), core.Target{}).Wait()
			if err != nil {
				t.Error(err)
			}
			found += len(sockets)
			time.Sleep(2 * time.Second)
		})
		began := time.Now()
		n, err := call.Wait()
		expect(t, "clients", n, 6)
		expect(t, "error", err, nil) // all had answered in time
		expect(t, "found", found, 36)
		expect(t, "it took", time.Since(began), 12*time.Second)
	})
}

func TestAdapterAckMayPanic(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		got := 0
		n, err := w.a.BroadcastWithAck(t.Context(), coretest.Event("ask"), core.Target{}, func(core.Payload) {
			if got++; got == 2 {
				panic("user code")
			}
		}).Wait()
		expect(t, "clients", n, 6)
		expect(t, "error", err, nil)
		expect(t, "acknowledgements", got, 6)
	})
}

// Close does not wait for an ack callback, so a callback may close its adapter.
func TestAdapterAckMayClose(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.client("a1").AnswerWith(coretest.Value("a1"))
		call := w.a.BroadcastWithAck(t.Context(), coretest.Event("ask"), core.Target{}, func(core.Payload) { w.a.Close() })
		_, err := call.Wait()
		expectMissing(t, err, core.ErrClosed, "a", "b", "c")
	})
}

// Each server says once how many clients it has, before their acknowledgements, in
// whatever order its host calls.
func TestAdapterAnswersBroadcastsInOrder(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		for i := range 50 {
			w.b.Host.Connect(fmt.Sprintf("b1-%d", i), "many").Answer(func(_ core.Payload, ack func(core.Payload)) {
				if i%2 == 0 {
					go ack(coretest.Value(i))
				} else {
					ack(coretest.Value(i))
				}
			})
		}
		a := ask(t, w.a, t.Context(), rooms("many"))
		n, err := a.call.Wait()
		expect(t, "clients", n, 50)
		expect(t, "error", err, nil)
		counts := 0
		for i, m := range w.a.MessagesFrom("b") {
			if m.Kind == core.KindBroadcastClientCount {
				counts++
				expect(t, "its place", i, 0)
			}
		}
		expect(t, "counts", counts, 1)
	})
}

// If a host panics before it has counted its clients, its server does not answer: the
// requester learns at the deadline that it is missing.
func TestAdapterAckHostPanics(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.everybodyAnswers()
		w.b.Host.Before(func(call coretest.Call) {
			if call.Method == "BroadcastWithAck" {
				panic("user code")
			}
		})
		a := ask(t, w.a, t.Context(), rooms("odd"))
		expectMissing(t, a.expect(2, quoted("a1 c1")...), context.DeadlineExceeded, "b")
		w.b.Host.Before(nil)
		expect(t, "error later", ask(t, w.a, t.Context(), rooms("odd")).expect(3, quoted("a1 b1 c1")...), nil)
	})
}

// If acknowledgements come faster than the ack callback takes them, reading from their
// sender stops until there is space, or the call has ended.
func TestAdapterAcksAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := coretest.NewFabric()
		t.Cleanup(f.Close)
		cfg := core.AdapterConfig{InboxBytes: 64 << 10, RequestTimeout: requestTimeout}
		a, b := f.Join("a", cfg), f.Join("b", cfg)
		const n = 200
		text := strings.Repeat("x", 1000)
		for i := range n {
			b.Host.Connect(fmt.Sprint(i)).AnswerWith(coretest.Value(text))
		}
		gate, taken := make(chan struct{}), 0
		call := a.BroadcastWithAck(t.Context(), coretest.Event("ask"), core.Target{}, func(core.Payload) { <-gate; taken++ })
		synctest.Wait()
		if got := len(a.Messages()); got < 50 || got > 70 {
			t.Errorf("took %d acknowledgements of 1 kB into 64 kB", got)
		}
		within(requestTimeout) // ack hangs, the link does not
		expect(t, "answers at last", len(a.Messages()), n+1)
		close(gate)
		clients, err := call.Wait()
		expect(t, "clients", clients, n)
		expectMissing(t, err, context.DeadlineExceeded, "b")
		if taken < 50 || taken > 70 {
			t.Errorf("took %d acknowledgements that came in time", taken)
		}
	})
}

// Acknowledgements of local clients do not block the caller, however many there are.
func TestAdapterAcksHereDoNotBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := coretest.NewFabric()
		t.Cleanup(f.Close)
		a := f.Join("a", core.AdapterConfig{InboxBytes: 1000})
		for i := range 20 {
			a.Host.Connect(fmt.Sprint(i)).AnswerWith(coretest.Value(strings.Repeat("x", 1000)))
		}
		var mu sync.Mutex
		taken := 0
		mu.Lock()
		call := a.BroadcastWithAck(t.Context(), coretest.Event("ask"), core.Target{}, func(core.Payload) {
			mu.Lock()
			defer mu.Unlock()
			taken++
		})
		mu.Unlock()
		clients, err := call.Wait()
		expect(t, "clients", clients, 20)
		expect(t, "error", err, nil)
		expect(t, "taken", taken, 20)
	})
}

// An ack callback that never blocks is called in the goroutines that receive the
// answers. The result is the same.
func TestCollectAcks(t *testing.T) {
	collect := func(s *coretest.Server, ctx context.Context, to core.Target, ack func(core.Payload)) *core.Call[int] {
		return s.Adapter.(interface {
			CollectAcks(context.Context, core.Payload, core.Target, func(core.Payload)) *core.Call[int]
		}).CollectAcks(ctx, coretest.Event("ask"), to, ack)
	}
	for _, tt := range targets {
		t.Run(tt.name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				w.everybodyAnswers()
				a := &acks{t: t}
				a.call = collect(w.a, t.Context(), tt.to, a.take)
				want := quoted(tt.want)
				expect(t, "error", a.expect(len(want), want...), nil)
			})
		})
	}
	t.Run("a server dies and one hangs", func(t *testing.T) {
		inTrio(t, func(t *testing.T, w *trio) {
			w.everybodyAnswers()
			w.client("b1").Answer(nil)
			w.client("c1").Answer(nil)
			a := &acks{t: t}
			a.call = collect(w.a, t.Context(), core.Target{}, a.take)
			synctest.Wait()
			w.Kill("c")
			expectMissing(t, a.expect(5, quoted("a1 a2 b2 c2")...), context.DeadlineExceeded, "b")
			expectList(t, "left", a.call.Left(), "c")
		})
	})
	t.Run("closed", func(t *testing.T) {
		inTrio(t, func(t *testing.T, w *trio) {
			w.a.Close()
			a := &acks{t: t}
			a.call = collect(w.a, t.Context(), core.Target{}, a.take)
			if err := a.expect(2); !errors.Is(err, core.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	})
	t.Run("in order", func(t *testing.T) {
		inTrio(t, func(t *testing.T, w *trio) {
			w.client("b1").AnswerWith(coretest.Value("b1"))
			var mu sync.Mutex
			var ended []int
			for i := range 100 {
				collect(w.a, t.Context(), rooms("b1"), func(core.Payload) {}).OnDone(func() {
					mu.Lock()
					defer mu.Unlock()
					ended = append(ended, i)
				})
			}
			within(time.Second)
			mu.Lock()
			defer mu.Unlock()
			if len(ended) != 100 || !slices.IsSorted(ended) {
				t.Errorf("they end in the order %v", ended)
			}
		})
	})
}

// OnDone calls its function at once if the call has ended already.
func TestCallOnDone(t *testing.T) {
	call, end := core.NewCall[int]()
	var calls []string
	call.OnDone(func() { calls = append(calls, "first") })
	call.OnDone(func() { calls = append(calls, "second") })
	expectList(t, "before", calls)
	left := &core.IncompleteError{Missing: []string{"b"}, Left: []string{"c"}}
	end(1, left)
	call.OnDone(func() { calls = append(calls, "third") })
	expectList(t, "behind", calls, "first", "second", "third")
	expectList(t, "left", call.Left(), "c")
	expectList(t, "left of one that was whole", core.CallOf(1, nil).Left())
}
