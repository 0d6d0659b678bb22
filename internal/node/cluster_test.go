package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
)

// full is a whole server without its Socket.IO part: node, adapter, and a host of
// sockets that answer.
type full struct {
	core.Adapter
	server  *server
	host    *coretest.Host
	clients []*coretest.Client
}

func (f *full) testServer() *coretest.TestServer {
	return &coretest.TestServer{Adapter: f.Adapter, ID: f.server.ID(), Host: f.host, Clients: f.clients}
}

// full starts a server with the clients of [coretest.Host.Populate].
func (w *world) full(host string, change ...func(*core.Config)) *full {
	w.t.Helper()
	f := &full{server: w.start(host, change...), host: coretest.NewHost()}
	var err error
	if f.Adapter, err = f.server.Adapter("/full", f.host); err != nil {
		w.t.Fatal(err)
	}
	f.clients = f.host.Populate(f.server.ID())
	return f
}

func ids(sockets []core.Socket) []string {
	var list []string
	for _, s := range sockets {
		list = append(list, s.ID)
	}
	slices.Sort(list)
	return list
}

func TestRequests(t *testing.T) {
	for _, q := range coretest.Questions {
		t.Run(q.Name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a := w.full("a")
				w.full("b")
				w.full("c")
				within(time.Second)
				began := time.Now()
				answers, err := q.Ask(t.Context(), a)
				expectList(t, "answers", answers, "a1", "b1", "c1")
				if err != nil {
					t.Error(err)
				}
				expect(t, "took", time.Since(began), 0)
			})
		})
	}
}

// A server that is killed, hangs or leaves while it is asked is no error: as soon as it
// is known to be gone, the request ends with the others' answers.
func TestRequestsWhileAServerGoes(t *testing.T) {
	for _, way := range []struct {
		name  string
		goes  func(w *world, b *full)
		after time.Duration
	}{
		{"killed", func(w *world, b *full) { w.net.Kill("b") }, 0},
		{"hangs", func(w *world, b *full) {}, core.DefaultHeartbeatTimeout + core.DefaultResumeWindow},
		{"leaves", func(w *world, b *full) { go b.server.stop() }, 0},
		{"closes the namespace", func(w *world, b *full) { go b.Close() }, 0},
	} {
		for _, q := range coretest.Questions {
			t.Run(way.name+", "+q.Name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t)
					patient := func(cfg *core.Config) { cfg.RequestTimeout = time.Minute }
					a, b, c := w.full("a", patient), w.full("b", patient), w.full("c", patient)
					within(time.Second)
					// b does not get round to answering.
					blocked := make(chan struct{})
					defer close(blocked)
					b.host.Before(func(coretest.Call) { <-blocked })
					if way.after > 0 {
						w.net.Hang("b")
					}
					var answers []string
					var err error
					done := make(chan struct{})
					go func() {
						answers, err = q.Ask(t.Context(), a)
						close(done)
					}()
					within(time.Second)
					way.goes(w, b)
					began := time.Now()
					a.Broadcast(coretest.Event("meanwhile"), core.Target{Rooms: []string{"r"}})
					synctest.Wait()
					if got := c.clients[0].Received(); !slices.Contains(got, `["meanwhile"]`) {
						t.Errorf("c was held up: %q", got)
					}
					<-done
					expectList(t, "answers", answers, "a1", "c1")
					if err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took > way.after+2*time.Second {
						t.Errorf("took %v", took)
					}
					if way.name == "killed" {
						began = time.Now()
						answers, err = q.Ask(t.Context(), a)
						expectList(t, "answers later", answers, "a1", "c1")
						if err != nil || time.Since(began) != 0 {
							t.Errorf("later: %v, after %v", err, time.Since(began))
						}
						expect(t, "servers", a.ServerCount(), 2)
					}
				})
			})
		}
	}
}

// A request survives a link that breaks and comes back, on the way there and back.
func TestRequestsOverABrokenLink(t *testing.T) {
	for _, q := range coretest.Questions {
		t.Run(q.Name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				patient := func(cfg *core.Config) { cfg.RequestTimeout = time.Minute }
				a, b := w.full("a", patient), w.full("b", patient)
				within(2 * time.Second)
				w.net.Delay("a", "b", 20*time.Millisecond)
				w.net.Delay("b", "a", 20*time.Millisecond)
				for _, broken := range []time.Duration{10 * time.Millisecond, 30 * time.Millisecond} {
					var answers []string
					var err error
					done := make(chan struct{})
					go func() {
						answers, err = q.Ask(t.Context(), a)
						close(done)
					}()
					within(broken) // on the way to b, on the way to a
					w.net.Cut("a", "b")
					<-done
					expectList(t, "answers", answers, "a1", "b1")
					if err != nil {
						t.Error(err)
					}
					within(2 * time.Second)
				}
				expect(t, "nobody has left", len(b.server.Members()), 1)
			})
		})
	}
}

func TestOperationsReachEverySocket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.full("a"), w.full("b"), w.full("c")
		within(time.Second)
		coretest.Operations(t, a.testServer(), b.testServer(), c.testServer(), synctest.Wait)
	})
}

// DelAll reaches sockets of reference peers, which have no message for it.
func TestDelAllAtAReferencePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.full("a")
		r := w.reference("r", w.dial("a"))
		send(t, r.conn, node.HelloFrame("r", "ws://r", ""))
		r.say(&core.Message{Kind: core.KindHeartbeat, Namespace: "/full"})
		r.hears()
		a.DelAll("s")
		expectList(t, "it is asked for the rooms", r.hears(), "fetch-sockets /full of a")
	})
}

// A listener may ask the server whose event it handles, and wait for the answer.
func TestListenerAsksBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.full("a"), w.full("b")
		within(time.Second)
		b.host.Listen(func(_ core.Payload, reply func(core.Payload)) {
			sockets, err := b.FetchSockets(context.Background(), core.Target{}).Wait()
			reply(coretest.Value(fmt.Sprint(len(sockets), err)))
		})
		values, err := a.ServerSideEmitWithAck(t.Context(), coretest.Event("q")).Wait()
		if err != nil || len(values) != 1 || string(values[0].Text) != `"4 \u003cnil\u003e"` {
			t.Errorf("%q, %v", coretest.Texts(values), err)
		}
	})
}

// After Shutdown local clients still get what is emitted on their server.
func TestLocalClientsAfterShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.full("a")
		w.full("b")
		within(time.Second)
		a.server.stop()
		a.Broadcast(coretest.Event("local"), core.Target{})
		expectList(t, "a0", a.clients[0].Received(), `["local"]`)
		if _, err := a.FetchSockets(t.Context(), core.Target{}).Wait(); !errors.Is(err, core.ErrClosed) {
			t.Errorf("a request: %v", err)
		}
		if _, err := a.server.Adapter("/late", a.host); !errors.Is(err, core.ErrClosed) {
			t.Errorf("a namespace: %v", err)
		}
	})
}
