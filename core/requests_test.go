package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// inquiry is one of the requests that every member answers once.
type inquiry struct {
	name     string
	kind     core.Kind
	response core.Message // one that counts
	// ask asks, and returns what waits for the servers whose answer is in the
	// result, the asking one left out.
	ask func(s *coretest.Server, ctx context.Context) func() (string, error)
}

// others are the servers of these sockets, a left out.
func others(ids []string) string {
	var servers []string
	for _, id := range ids {
		if s := id[:1]; s != "a" && !slices.Contains(servers, s) {
			servers = append(servers, s)
		}
	}
	slices.Sort(servers)
	return strings.Join(servers, " ")
}

var inquiries = []inquiry{
	{
		"FetchSockets", core.KindFetchSockets,
		core.Message{Kind: core.KindFetchSocketsResponse, Sockets: []core.Socket{{ID: "x1"}}},
		func(s *coretest.Server, ctx context.Context) func() (string, error) {
			call := s.FetchSockets(ctx, rooms("odd"))
			return func() (string, error) {
				sockets, err := call.Wait()
				var ids []string
				for _, socket := range sockets {
					ids = append(ids, socket.ID)
				}
				return others(ids), err
			}
		},
	},
	{
		"Sockets", core.KindFetchSockets,
		core.Message{Kind: core.KindFetchSocketsResponse, Sockets: []core.Socket{{ID: "x1"}}},
		func(s *coretest.Server, ctx context.Context) func() (string, error) {
			call := s.Sockets(ctx, []string{"odd"})
			return func() (string, error) {
				ids, err := call.Wait()
				return others(ids), err
			}
		},
	},
	{
		"ServerSideEmitWithAck", core.KindServerSideEmit,
		core.Message{Kind: core.KindServerSideEmitResponse, Payload: coretest.Value("x")},
		func(s *coretest.Server, ctx context.Context) func() (string, error) {
			call := s.ServerSideEmitWithAck(ctx, coretest.Event("who"))
			return func() (string, error) {
				answers, err := call.Wait()
				var ids []string
				for _, p := range answers {
					ids = append(ids, strings.Trim(string(p.Text), `"`))
				}
				return others(ids), err
			}
		},
	},
}

// forEachInquiry runs a test with three servers that answer everything.
func forEachInquiry(t *testing.T, f func(t *testing.T, w *trio, q inquiry)) {
	for _, q := range inquiries {
		t.Run(q.name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				for _, s := range w.servers() {
					s.Host.Listen(func(_ core.Payload, reply func(core.Payload)) { reply(coretest.Value(s.ID())) })
				}
				f(t, w, q)
			})
		})
	}
}

func TestRequestComplete(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		got, err := q.ask(w.a, ctx)()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
		expect(t, "it took", time.Since(began), 0)
		if infos := w.a.Requests(); len(infos) != 1 || infos[0] != (core.RequestInfo{Kind: q.kind, Namespace: "/"}) {
			t.Errorf("reported: %+v", infos)
		}
	})
}

func TestRequestTimeout(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		began := time.Now()
		got, err := q.ask(w.a, t.Context())()
		expect(t, "answers", got, "b")
		expect(t, "it took", time.Since(began), requestTimeout)
		expectMissing(t, err, context.DeadlineExceeded, "c")
		infos := w.a.Requests()
		if len(infos) != 1 || infos[0].Duration != requestTimeout || infos[0].Err != err {
			t.Errorf("reported: %+v", infos)
		}
		if want := q.kind.String() + ": missing 1 servers (c): context deadline exceeded"; err.Error() != want {
			t.Errorf("error is %q, want %q", err, want)
		}
		w.Release("c", "a") // comes too late, and hurts nobody
		within(time.Second)
		got, err = q.ask(w.a, t.Context())()
		expect(t, "answers later", got, "b c")
		expect(t, "error later", err, nil)
	})
}

func TestRequestTimeoutOfTheCaller(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.Hold("b", "a")
		began := time.Now()
		to := core.Target{Flags: core.Flags{Timeout: time.Second}}
		_, err := w.a.FetchSockets(t.Context(), to).Wait()
		expect(t, "it took", time.Since(began), time.Second)
		expectMissing(t, err, context.DeadlineExceeded, "b")
	})
}

func TestRequestCancelled(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		cause := errors.New("the user went home")
		ctx, cancel := context.WithCancelCause(t.Context())
		wait := q.ask(w.a, ctx)
		within(time.Second)
		cancel(cause)
		got, err := wait()
		expect(t, "answers", got, "")
		expectMissing(t, err, cause, "b", "c")

		_, err = q.ask(w.a, ctx)() // cancelled from the start
		expectMissing(t, err, cause, "b", "c")
	})
}

func TestRequestClosed(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		synctest.Wait()
		w.a.Close()
		w.a.Close()
		got, err := wait()
		expect(t, "answers", got, "b")
		expectMissing(t, err, core.ErrClosed, "c")
		if got, err := q.ask(w.a, t.Context())(); got != "" || !errors.Is(err, core.ErrClosed) {
			t.Errorf("after Close: %q, %v", got, err)
		}
	})
}

// Whoever has gone is not waited for: the request ends with those who are there,
// and names the others.
func TestRequestServerDies(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		within(time.Second)
		w.Kill("b")
		synctest.Wait()
		w.Release("c", "a")
		began := time.Now()
		got, err := wait()
		expect(t, "answers", got, "c")
		expect(t, "it took", time.Since(began), 0)
		expectMissing(t, err, core.ErrPeerLeft, "b")
	})
}

func TestRequestEverybodyDies(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		w.Kill("c")
		w.Kill("b")
		got, err := wait()
		expect(t, "answers", got, "")
		expectMissing(t, err, core.ErrPeerLeft, "b", "c")
	})
}

// The deadline is the reason where somebody who is missing still is there.
func TestRequestOneDiesOneHangs(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		w.Kill("b")
		_, err := wait()
		expectMissing(t, err, context.DeadlineExceeded, "b", "c")
	})
}

// Who is lost twice is not counted for another.
func TestRequestServerDiesTwice(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		synctest.Wait()
		for range 3 {
			w.a.Receiver.MemberLeft("b", core.ErrSilentPeer)
			w.a.Receiver.MemberLeft("x", core.ErrSilentPeer)
		}
		synctest.Wait()
		w.Release("c", "a")
		got, err := wait()
		expect(t, "answers", got, "c")
		expectMissing(t, err, core.ErrPeerLeft, "b")
	})
}

// One that has answered may die.
func TestRequestServerDiesBehindItsAnswer(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		synctest.Wait()
		w.Kill("b")
		synctest.Wait()
		w.Release("c", "a")
		got, err := wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
	})
}

// A goodbye behind the answer does not overtake it.
func TestRequestServerLeavesBehindItsAnswer(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		synctest.Wait()
		w.c.Close()
		w.Release("c", "a")
		got, err := wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
	})
}

// One that is away for the others' view and answers all the same has answered.
func TestRequestAnswerOfAServerThatLeft(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		synctest.Wait()
		w.a.Receiver.MemberLeft("c", core.ErrSilentPeer)
		w.a.Receiver.MemberJoined("c")
		w.Release("c", "a")
		synctest.Wait()
		w.Release("b", "a")
		got, err := wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
	})
}

func TestRequestForgeries(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		synctest.Wait()
		answer := q.response
		answer.RequestID = w.lastRequestID(w.b)
		w.b.Say("a", &answer) // b has answered
		other := answer
		other.RequestID = "feedfeedfeedfeed"
		w.b.Say("a", &other)
		for _, kind := range []core.Kind{
			core.KindFetchSocketsResponse, core.KindServerSideEmitResponse,
			core.KindBroadcastClientCount, core.KindBroadcastAck,
		} {
			if kind != answer.Kind {
				w.a.Receiver.Receive(&core.Message{Kind: kind, From: "c", Namespace: "/", RequestID: answer.RequestID, Count: 1})
			}
		}
		synctest.Wait()
		expect(t, "requests that have ended", len(w.a.Requests()), 0)
		w.Release("c", "a")
		got, err := wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
		w.b.Say("a", &answer) // nobody waits any more
		synctest.Wait()
	})
}

// A server that joined behind the question is not waited for, but may answer.
func TestRequestNewcomer(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		wait := q.ask(w.a, t.Context())
		synctest.Wait()
		d := w.Join("d", core.AdapterConfig{})
		answer := q.response
		answer.RequestID = w.lastRequestID(w.b)
		d.Say("a", &answer)
		synctest.Wait()
		w.Release("c", "a")
		got, err := wait()
		expect(t, "answers", got, "b c x")
		expect(t, "error", err, nil)
	})
}

// Ids are never the same twice, and are what the reference's look like.
func TestRequestIDs(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		for range 100 {
			w.a.FetchSockets(t.Context(), core.Target{})
			w.c.FetchSockets(t.Context(), core.Target{})
		}
		synctest.Wait()
		seen := map[string]bool{}
		for _, m := range w.b.Messages() {
			if len(m.RequestID) != 16 || strings.Trim(m.RequestID, "0123456789abcdef") != "" || seen[m.RequestID] {
				t.Fatalf("request id %q", m.RequestID)
			}
			seen[m.RequestID] = true
		}
		expect(t, "requests", len(seen), 200)
	})
}
