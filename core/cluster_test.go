package core_test

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
)

// full is a whole server without its Socket.IO part: node, adapter, and a host of
// sockets that answer.
type full struct {
	core.Adapter
	server  *server
	host    *coretest.Host
	clients []*coretest.Client
}

// full starts a server with two clients, <host>0 and <host>1, both in the room
// "r", and the second one in "odd".
func (w *world) full(host string, change ...func(*core.Config)) *full {
	w.t.Helper()
	f := &full{server: w.start(host, change...), host: coretest.NewHost()}
	var err error
	if f.Adapter, err = f.server.Adapter("/full", f.host); err != nil {
		w.t.Fatal(err)
	}
	id := f.server.ID()
	f.clients = []*coretest.Client{
		f.host.Connect(id+"0", "r").AnswerWith(coretest.Value(id + "0")),
		f.host.Connect(id+"1", "r", "odd").AnswerWith(coretest.Value(id + "1")),
	}
	f.host.Listen(func(_ core.Payload, reply func(core.Payload)) {
		if reply != nil {
			reply(coretest.Value(id))
		}
	})
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

// question is a request that has to be answered by all servers.
type question struct {
	name string
	ask  func(ctx context.Context, a core.Adapter) (answers []string, err error)
}

var questions = []question{
	{"fetchSockets", func(ctx context.Context, a core.Adapter) ([]string, error) {
		sockets, err := a.FetchSockets(ctx, core.Target{Rooms: []string{"odd"}}).Wait()
		return ids(sockets), err
	}},
	{"sockets", func(ctx context.Context, a core.Adapter) ([]string, error) {
		sids, err := a.Sockets(ctx, []string{"odd"}).Wait()
		return slices.Sorted(slices.Values(sids)), err
	}},
	{"acknowledged broadcast", func(ctx context.Context, a core.Adapter) ([]string, error) {
		var answers []string
		_, err := a.BroadcastWithAck(ctx, coretest.Event("q"), core.Target{Rooms: []string{"odd"}}, func(p core.Payload) {
			answers = append(answers, string(p.Text[1:len(p.Text)-1]))
		}).Wait()
		slices.Sort(answers)
		return answers, err
	}},
	{"server-side event", func(ctx context.Context, a core.Adapter) ([]string, error) {
		values, err := a.ServerSideEmitWithAck(ctx, coretest.Event("q")).Wait()
		answers := []string{"a1"} // so that the expectation is the same for all
		for _, v := range values {
			answers = append(answers, string(v.Text[1:len(v.Text)-1])+"1")
		}
		slices.Sort(answers)
		return answers, err
	}},
}

func TestRequests(t *testing.T) {
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a := w.full("a")
				w.full("b")
				w.full("c")
				within(time.Second)
				began := time.Now()
				answers, err := q.ask(t.Context(), a)
				expectList(t, "answers", answers, "a1", "b1", "c1")
				if err != nil {
					t.Error(err)
				}
				expect(t, "took", time.Since(began), 0)
			})
		})
	}
}

// A server that is killed, hangs or leaves while it is asked is named, as soon as
// it is known to be gone.
func TestRequestsWhileAServerGoes(t *testing.T) {
	for _, way := range []struct {
		name  string
		goes  func(w *world, b *full)
		after time.Duration
	}{
		{"killed", func(w *world, b *full) { w.net.Kill("b") }, 0},
		{"cut", func(w *world, b *full) { w.net.Cut("a", "b") }, 0},
		{"hangs", func(w *world, b *full) {}, core.DefaultHeartbeatTimeout},
		{"leaves", func(w *world, b *full) { go b.server.stop() }, 0},
		{"closes the namespace", func(w *world, b *full) { go b.Close() }, 0},
	} {
		for _, q := range questions {
			t.Run(way.name+", "+q.name, func(t *testing.T) {
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
						answers, err = q.ask(t.Context(), a)
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
					var incomplete *core.IncompleteError
					switch {
					case q.name == "acknowledged broadcast":
						// Servers that are gone count as zero clients.
						if err != nil {
							t.Error(err)
						}
					case !errors.As(err, &incomplete) || !slices.Equal(incomplete.Missing, []string{"b"}) || !errors.Is(err, core.ErrPeerLeft):
						t.Errorf("error: %v", err)
					}
					if took := time.Since(began); took > way.after+2*time.Second {
						t.Errorf("took %v", took)
					}
					if way.name == "killed" {
						began = time.Now()
						answers, err = q.ask(t.Context(), a)
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

func TestOperationsReachEverySocket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		all := []*full{w.full("a"), w.full("b"), w.full("c")}
		a, b, c := all[0], all[1], all[2]
		within(time.Second)
		rooms := func(f *full, i int) string { return fmt.Sprint(f.clients[i].Rooms()) }

		a.Broadcast(coretest.Event("odd"), core.Target{Rooms: []string{"odd", "r"}, Except: []string{"b1"}})
		synctest.Wait()
		for _, f := range all {
			for i, client := range f.clients {
				want := []string{`["odd"]`}
				if f == b && i == 1 {
					want = nil
				}
				expectList(t, client.ID(), client.Received(), want...)
			}
		}
		a.AddSockets(core.Target{Rooms: []string{"odd"}, Except: []string{"c1"}}, []string{"x", "y"})
		a.AddAll("c0", []string{"z"})
		synctest.Wait()
		expect(t, "a1", rooms(a, 1), "[a1 odd r x y]")
		expect(t, "b1", rooms(b, 1), "[b1 odd r x y]")
		expect(t, "c0", rooms(c, 0), "[c0 r z]")
		expect(t, "c1", rooms(c, 1), "[c1 odd r]")
		found, err := a.SocketRooms(t.Context(), "c0").Wait()
		slices.Sort(found)
		expect(t, "SocketRooms from afar", fmt.Sprint(found, err), "[c0 r z] <nil>")
		found, err = a.SocketRooms(t.Context(), "nobody").Wait()
		expect(t, "SocketRooms of nobody", fmt.Sprint(found == nil, err), "true <nil>")

		c.DelSockets(core.Target{Rooms: []string{"x"}}, []string{"x"})
		c.Del("b1", "y")
		a.DelAll("c0")
		synctest.Wait()
		expect(t, "a1", rooms(a, 1), "[a1 odd r y]")
		expect(t, "b1", rooms(b, 1), "[b1 odd r]")
		expect(t, "c0", rooms(c, 0), "[]")

		b.DisconnectSockets(core.Target{Rooms: []string{"odd"}}, true)
		synctest.Wait()
		for _, f := range all {
			expect(t, "closed", f.clients[1].Closed(), true)
			expect(t, "the others are not", f.clients[0].Connected(), true)
		}
		a.ServerSideEmit(coretest.Event("ev", 1))
		synctest.Wait()
		expectList(t, "not here", a.host.ServerEvents())
		expectList(t, "there", b.host.ServerEvents(), `["ev",1]`)
		expectList(t, "servers", a.Servers(), "a", "b", "c")
	})
}

// Reference peers take part through the same adapter.
func TestDelAllAtAReferencePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.full("a")
		r := w.reference("r", w.dial("a"))
		send(t, r.conn, core.HelloFrame("r", "ws://r", ""))
		r.say(&core.Message{Kind: core.KindHeartbeat, Namespace: "/full"})
		r.hears()
		a.DelAll("s")
		expectList(t, "it is asked for the rooms", r.hears(), "fetch-sockets /full of a")
	})
}

// A listener may wait for what the server that called it has to answer.
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

// After Shutdown the local clients still get theirs.
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
