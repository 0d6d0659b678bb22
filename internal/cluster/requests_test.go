package cluster_test

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

// inquiry is a kind of request that every member answers once.
type inquiry struct {
	name     string
	kind     core.Kind
	response core.Message // one that counts
	ask      func(s *coretest.Server, ctx context.Context) asked
}

// asked is an inquiry that has been sent.
type asked struct {
	wait func() (string, error) // for the servers whose answer is in the result, the asking one left out
	left func() []string        // of the call
}

// others returns the servers of these sockets, except for a.
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
		func(s *coretest.Server, ctx context.Context) asked {
			call := s.FetchSockets(ctx, rooms("odd"))
			return asked{func() (string, error) {
				sockets, err := call.Wait()
				var ids []string
				for _, socket := range sockets {
					ids = append(ids, socket.ID)
				}
				return others(ids), err
			}, call.Left}
		},
	},
	{
		"Sockets", core.KindFetchSockets,
		core.Message{Kind: core.KindFetchSocketsResponse, Sockets: []core.Socket{{ID: "x1"}}},
		func(s *coretest.Server, ctx context.Context) asked {
			call := s.Sockets(ctx, []string{"odd"})
			return asked{func() (string, error) {
				ids, err := call.Wait()
				return others(ids), err
			}, call.Left}
		},
	},
	{
		"ServerSideEmitWithAck", core.KindServerSideEmit,
		core.Message{Kind: core.KindServerSideEmitResponse, Payload: coretest.Value("x")},
		func(s *coretest.Server, ctx context.Context) asked {
			call := s.ServerSideEmitWithAck(ctx, coretest.Event("who"))
			return asked{func() (string, error) {
				answers, err := call.Wait()
				var ids []string
				for _, p := range answers {
					ids = append(ids, strings.Trim(string(p.Text), `"`))
				}
				return others(ids), err
			}, call.Left}
		},
	},
}

// forEachInquiry runs a test for each kind of inquiry, with three servers that answer
// it.
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
		got, err := q.ask(w.a, ctx).wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
		expect(t, "it took", time.Since(began), 0)
		if infos := w.a.Requests(); len(infos) != 1 || infos[0] != (core.RequestInfo{ID: infos[0].ID, Kind: q.kind, Namespace: "/"}) {
			t.Errorf("reported: %+v", infos)
		}
	})
}

func TestRequestTimeout(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		began := time.Now()
		got, err := q.ask(w.a, t.Context()).wait()
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
		got, err = q.ask(w.a, t.Context()).wait()
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
		call := q.ask(w.a, ctx)
		within(time.Second)
		cancel(cause)
		got, err := call.wait()
		expect(t, "answers", got, "")
		expectMissing(t, err, cause, "b", "c")

		_, err = q.ask(w.a, ctx).wait() // cancelled from the start
		expectMissing(t, err, cause, "b", "c")
	})
}

func TestRequestClosed(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		w.a.Close()
		w.a.Close()
		got, err := call.wait()
		expect(t, "answers", got, "b")
		expectMissing(t, err, core.ErrClosed, "c")
		if got, err := q.ask(w.a, t.Context()).wait(); got != "" || !errors.Is(err, core.ErrClosed) {
			t.Errorf("after Close: %q, %v", got, err)
		}
	})
}

// A server that dies is no longer waited for, and is no error: the request ends with
// the others' answers. Left of the call names the server.
func TestRequestServerDies(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		within(time.Second)
		w.Kill("b")
		synctest.Wait()
		w.Release("c", "a")
		began := time.Now()
		got, err := call.wait()
		expect(t, "answers", got, "c")
		expect(t, "it took", time.Since(began), 0)
		expect(t, "error", err, nil)
		expectList(t, "left", call.left(), "b")
		infos := w.a.Requests()
		if len(infos) != 1 {
			t.Fatalf("reported: %+v, want one request", infos)
		}
		expect(t, "reported", infos[0], core.RequestInfo{ID: infos[0].ID, Kind: q.kind, Namespace: "/", Duration: time.Second, Left: 1})
	})
}

func TestRequestEverybodyDies(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		w.Kill("c")
		w.Kill("b")
		got, err := call.wait()
		expect(t, "answers", got, "")
		expect(t, "error", err, nil)
		expectList(t, "left", call.left(), "b", "c")
	})
}

// Of a server that dies and one that hangs, only the one that hangs is missing.
func TestRequestOneDiesOneHangs(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		w.Kill("b")
		_, err := call.wait()
		expectMissing(t, err, context.DeadlineExceeded, "c")
		expectList(t, "left", call.left(), "b")
		if incomplete, _ := errors.AsType[*core.IncompleteError](err); !slices.Equal(incomplete.Left, []string{"b"}) {
			t.Errorf("left, says the error: %q", incomplete.Left)
		}
	})
}

// A server that is reported as lost twice counts once: another one is still waited for.
func TestRequestServerDiesTwice(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		for range 3 {
			w.a.Receiver.MemberLeft("b", core.ErrSilentPeer)
			w.a.Receiver.MemberLeft("x", core.ErrSilentPeer)
		}
		synctest.Wait()
		w.Release("c", "a")
		got, err := call.wait()
		expect(t, "answers", got, "c")
		expect(t, "error", err, nil)
		expectList(t, "left", call.left(), "b")
	})
}

// A server that has lost its link and is there again has not died. It may have lost
// the question, so it is not waited for; but without its answer the rest is not
// whole.
func TestRequestServerComesBack(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		w.a.Receiver.MemberLeft("b", core.ErrReplaced)
		w.a.Receiver.MemberJoined("b")
		w.Release("c", "a")
		got, err := call.wait()
		expect(t, "answers", got, "c")
		expectMissing(t, err, core.ErrReplaced, "b")
		expectList(t, "left", call.left())
		w.Release("b", "a")
	})
}

// So it is if nobody else is waited for when it goes: it is told of as gone before it is
// told of as back.
func TestRequestServerIsReplaced(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		w.a.Receiver.MemberLeft("b", core.ErrReplaced)
		w.a.Receiver.MemberJoined("b")
		got, err := call.wait()
		expect(t, "answers", got, "c")
		expectMissing(t, err, core.ErrReplaced, "b")
		expectList(t, "left", call.left())
		w.Release("b", "a")
	})
}

// A server that comes back and then dies has left.
func TestRequestServerComesBackAndDies(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		w.a.Receiver.MemberLeft("b", core.ErrReplaced)
		w.a.Receiver.MemberJoined("b")
		w.Kill("b")
		synctest.Wait()
		w.Release("c", "a")
		got, err := call.wait()
		expect(t, "answers", got, "c")
		expect(t, "error", err, nil)
		expectList(t, "left", call.left(), "b")
	})
}

// When all servers stop at once, every request ends: either with the answers of those
// that have not left, or, if its own server stopped first, with an error that names
// those that were still there.
func TestRequestsWhileAllShutDown(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		calls := map[*coretest.Server]asked{}
		for _, s := range w.servers() {
			for _, other := range w.servers() {
				if other != s {
					w.Hold(s.ID(), other.ID())
				}
			}
			calls[s] = q.ask(s, t.Context())
		}
		synctest.Wait()
		for _, s := range w.servers() {
			for _, other := range w.servers() {
				if other != s {
					w.Release(s.ID(), other.ID())
				}
			}
			go s.Close()
		}
		for s, call := range calls {
			_, err := call.wait()
			if err != nil && !(errors.Is(err, core.ErrIncomplete) && errors.Is(err, core.ErrClosed)) {
				t.Errorf("%s: %v", s.ID(), err)
			}
			incomplete, _ := errors.AsType[*core.IncompleteError](err)
			for _, id := range call.left() {
				if err != nil && slices.Contains(incomplete.Missing, id) {
					t.Errorf("%s: %s has left, and is missing", s.ID(), id)
				}
			}
		}
	})
}

// A server that dies after it has answered changes nothing.
func TestRequestServerDiesBehindItsAnswer(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		w.Kill("b")
		synctest.Wait()
		w.Release("c", "a")
		got, err := call.wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
	})
}

// A server that answers and then leaves has answered: its departure is not handled
// before its answer.
func TestRequestServerLeavesBehindItsAnswer(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		w.c.Close()
		w.Release("c", "a")
		got, err := call.wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
	})
}

// The answer of a server that the others believe to have left counts.
func TestRequestAnswerOfAServerThatLeft(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("b", "a")
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		w.a.Receiver.MemberLeft("c", core.ErrSilentPeer)
		w.a.Receiver.MemberJoined("c")
		w.Release("c", "a")
		synctest.Wait()
		w.Release("b", "a")
		got, err := call.wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
	})
}

func TestRequestForgeries(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
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
		got, err := call.wait()
		expect(t, "answers", got, "b c")
		expect(t, "error", err, nil)
		w.b.Say("a", &answer) // nobody waits any more
		synctest.Wait()
	})
}

// A server that joined after the question was sent is not waited for, but may answer.
func TestRequestNewcomer(t *testing.T) {
	forEachInquiry(t, func(t *testing.T, w *trio, q inquiry) {
		w.Hold("c", "a")
		call := q.ask(w.a, t.Context())
		synctest.Wait()
		d := w.Join("d", core.AdapterConfig{})
		answer := q.response
		answer.RequestID = w.lastRequestID(w.b)
		d.Say("a", &answer)
		synctest.Wait()
		w.Release("c", "a")
		got, err := call.wait()
		expect(t, "answers", got, "b c x")
		expect(t, "error", err, nil)
	})
}

// Ids of requests are unique, and have the form of the reference's.
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
