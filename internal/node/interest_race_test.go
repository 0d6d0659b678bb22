package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// far makes what two hosts send each other take so long, each way.
func (w *world) far(a, b string, delay time.Duration) {
	w.net.Delay(a, b, delay)
	w.net.Delay(b, a, delay)
}

// texts are events as clients have got them.
func texts(events ...string) []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = fmt.Sprintf("[%q]", e)
	}
	return list
}

// What is emitted on one server after a join on another one reaches the client that has
// joined, once, though the news of the join are still under way.
func TestJoinThenEmitElsewhere(t *testing.T) {
	for _, streams := range []int{0, 3} {
		t.Run(fmt.Sprint(streams, " streams"), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var opts []mem.Option
				if streams > 0 {
					opts = append(opts, mem.WithStreams(streams, time.Millisecond))
				}
				w := newWorld(t, opts...)
				a, b, c := w.aware("a"), w.aware("b"), w.aware("c")
				w.far("a", "b", 20*time.Millisecond)
				w.far("a", "c", time.Millisecond)
				within(time.Second)
				rnd := rand.New(rand.NewPCG(1, uint64(streams)))
				client := b.host.Connect("b0")
				var want []string
				for i := range 2000 {
					room := fmt.Sprint("room", i)
					a.Broadcast(coretest.Event("too early"), inRooms(room))
					time.Sleep(time.Duration(60+rnd.IntN(20)) * time.Millisecond)
					b.host.Join(inRooms("b0"), []string{room})
					first, second := fmt.Sprint(i, " from a"), fmt.Sprint(i, " from a, later")
					want = append(want, first, second)
					a.Broadcast(coretest.Event(first), inRooms(room))
					time.Sleep(time.Duration(rnd.IntN(50)) * time.Millisecond)
					a.Broadcast(coretest.Event(second), inRooms(room, "other"))
					time.Sleep(50 * time.Millisecond)
				}
				within(time.Second)
				expectList(t, "client", client.Received(), texts(want...)...)
				if n := c.host.Count("Broadcast"); n > 0 {
					t.Errorf("%d messages were sent to a server without members", n)
				}
			})
		})
	}
}

// TestJoinBehindWhatIsWithheld: a server emits to a room, and then makes a client of another
// server join it. The client does not get what was emitted before, though that was withheld.
func TestJoinBehindWhatIsWithheld(t *testing.T) {
	for name, to := range map[string]core.Target{
		"one socket":   inRooms("b0"),
		"all sockets":  {},
		"several":      inRooms("elsewhere", "b0"),
		"all, but one": {Except: []string{"elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.aware("a"), w.aware("b")
				w.far("a", "b", 20*time.Millisecond)
				within(time.Second)
				client := b.host.Connect("b0")
				within(time.Second)
				a.Broadcast(coretest.Event("nobody's"), inRooms("other")) // so that a mark is under way
				within(10 * time.Millisecond)
				a.Broadcast(coretest.Event("before"), inRooms("room"))
				a.AddSockets(to, []string{"room"})
				a.Broadcast(coretest.Event("behind"), inRooms("room"))
				within(time.Second)
				expectList(t, "client", client.Received(), texts("behind")...)
			})
		})
	}
}

// A client that joins in the midst of a stream of events gets all from its join on, in
// order, and of those before no more than were under way.
func TestJoinAmidAStream(t *testing.T) {
	for seed := range uint64(30) {
		bubble(t, func(t *testing.T) {
			const delay = 7 * time.Millisecond
			rnd := rand.New(rand.NewPCG(seed, 3))
			w := newWorld(t)
			a, b := w.aware("a"), w.aware("b")
			w.far("a", "b", delay)
			within(time.Second)
			joinAt := 200 + rnd.IntN(50)
			var client *coretest.Client
			for i := range 500 {
				if i == joinAt {
					client = b.host.Connect("b0", "room")
				}
				a.Broadcast(coretest.Event(fmt.Sprint(i)), inRooms("room"))
				time.Sleep(time.Duration(rnd.IntN(2000)) * time.Microsecond)
			}
			within(time.Second)
			got := client.Received()
			first := 500 - len(got)
			var want []string
			for i := first; i < 500; i++ {
				want = append(want, fmt.Sprint(i))
			}
			expectList(t, "client", got, texts(want...)...)
			if first > joinAt || joinAt-first > 100 {
				t.Errorf("seed %d: the client joined before event %d, and got all from %d on", seed, joinAt, first)
			}
		})
	}
}

// What was emitted long before a join is not delivered, neither after silence nor while
// other things are emitted.
func TestNothingOldIsDelivered(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprint("busy ", busy), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.aware("a"), w.aware("b")
				w.far("a", "b", 5*time.Millisecond)
				within(time.Second)
				for i := range 50 {
					room := fmt.Sprint("room", i)
					a.Broadcast(coretest.Event("old"), inRooms(room))
					for range 40 {
						if busy {
							a.Broadcast(coretest.Event("other"), inRooms("nobody's"))
						}
						time.Sleep(time.Millisecond)
					}
					client := b.host.Connect(fmt.Sprint("b", i), room)
					within(100 * time.Millisecond)
					expectList(t, "client", client.Received())
				}
				if n := b.host.Count("Broadcast"); n > 0 {
					t.Errorf("%d messages were sent in vain", n)
				}
			})
		})
	}
}

// Operations and requests that follow a join on another server concern the socket that
// has joined.
func TestJoinThenAskElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.aware("a"), w.aware("b"), w.aware("c")
		w.far("a", "b", 10*time.Millisecond)
		w.far("a", "c", time.Millisecond)
		within(time.Second)
		b.host.Connect("b0").AnswerWith(coretest.Value("yes"))
		within(time.Second)
		for i := range 200 {
			room := fmt.Sprint("room", i)
			join := func() { b.host.Join(inRooms("b0"), []string{room}) }
			leave := func() { b.host.Leave(inRooms("b0"), []string{room}) }
			join()
			sockets, err := a.FetchSockets(t.Context(), inRooms(room)).Wait()
			expectList(t, "fetched", ids(sockets), "b0")
			expect(t, "error", err, nil)
			leave()
			within(time.Second)
			join()
			acks := 0
			clients, err := a.BroadcastWithAck(t.Context(), coretest.Event("q"), inRooms(room), func(core.Payload) { acks++ }).Wait()
			expect(t, "clients asked", clients, 1)
			expect(t, "acknowledgements", acks, 1)
			expect(t, "error", err, nil)
			leave()
			within(time.Second)
			join()
			a.AddSockets(inRooms(room), []string{room + "/more"})
			a.DelSockets(inRooms(room), []string{room})
			within(time.Second)
			if rooms := b.host.Client("b0").Rooms(); slices.Contains(rooms, room) || !slices.Contains(rooms, room+"/more") {
				t.Errorf("rooms %v", rooms)
			}
		}
		b.host.Join(inRooms("b0"), []string{"the last"})
		a.DisconnectSockets(inRooms("the last"), true)
		within(time.Second)
		expect(t, "b0", b.host.Client("b0"), nil)
		if calls := c.host.Calls(); len(calls) > 0 {
			t.Errorf("c was asked: %v", calls)
		}
	})
}

// A request for a room without members costs a round trip, and no server is asked.
func TestRequestsOfNobodyEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.aware("a"), w.aware("b"), w.aware("c")
		w.far("a", "b", 10*time.Millisecond)
		w.far("a", "c", 20*time.Millisecond)
		within(time.Second)
		began := time.Now()
		for range 10 {
			sockets, err := a.FetchSockets(t.Context(), inRooms("nobody's")).Wait()
			expect(t, "fetched", len(sockets), 0)
			expect(t, "error", err, nil)
			clients, err := a.BroadcastWithAck(t.Context(), coretest.Event("q"), inRooms("nobody's"), nil).Wait()
			expect(t, "clients asked", clients, 0)
			expect(t, "error", err, nil)
		}
		if took := time.Since(began) / 20; took > 45*time.Millisecond {
			t.Errorf("a request took %v, with 40 ms for a round trip", took)
		}
		expect(t, "calls", len(b.host.Calls())+len(c.host.Calls()), 0)
	})
}

// What a server does because of a message of another one comes before what that one sends
// next: a listener of a server-side event that makes a client join is as good as a join.
func TestEmitBehindWhatMakesJoin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.aware("a"), w.aware("b")
		w.far("a", "b", 5*time.Millisecond)
		client := b.host.Connect("b0")
		b.host.Listen(func(event core.Payload, _ func(core.Payload)) {
			time.Sleep(100 * time.Millisecond) // marks may overtake a listener that is slow
			b.host.Join(inRooms("b0"), []string{strings.Trim(string(event.Text), `[]"`)})
		})
		within(time.Second)
		var want []string
		for i := range 100 {
			room := fmt.Sprint("room", i)
			a.ServerSideEmit(coretest.Event(room))
			a.Broadcast(coretest.Event(room), inRooms(room))
			a.Broadcast(coretest.Event(room+"!"), inRooms(room))
			want = append(want, room, room+"!")
			within(time.Duration(i) * 3 * time.Millisecond)
		}
		within(time.Minute)
		expectList(t, "client", client.Received(), texts(want...)...)
	})
}

// A withheld message takes with it what was withheld before it and shares a room, and so
// does one that is sent for another of its rooms. One that makes sockets join takes what
// is for them afterwards.
func TestOrderOfWhatWasWithheld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.aware("a"), w.aware("b")
		w.far("a", "b", 20*time.Millisecond)
		within(time.Second)
		known := b.host.Connect("known", "known")
		within(time.Second)

		one, two := b.host.Connect("one"), b.host.Connect("two")
		b.host.Join(inRooms("two"), []string{"second"})
		b.host.Join(inRooms("one"), []string{"first"})
		a.Broadcast(coretest.Event("1"), inRooms("second"))
		a.Broadcast(coretest.Event("2"), inRooms("first", "second"))
		a.Broadcast(coretest.Event("3"), inRooms("first"))
		a.Broadcast(coretest.Event("4"), inRooms("first", "known"))
		a.Broadcast(coretest.Event("5"), inRooms("second"))
		a.AddSockets(inRooms("second"), []string{"third"})
		a.Broadcast(coretest.Event("6"), inRooms("third"))
		a.Broadcast(coretest.Event("7"), inRooms("third", "first"))
		within(time.Second)
		expectList(t, "one", one.Received(), texts("2", "3", "4", "7")...)
		expectList(t, "two", two.Received(), texts("1", "2", "5", "6", "7")...)
		expectList(t, "known", known.Received(), texts("4")...)
	})
}

// What is withheld from a peer that does not answer is bounded, and nothing is lost: what
// is too much is sent.
func TestWithheldIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.aware("a", func(c *core.Config) { c.ReplayBytes = 1 << 20 }), w.aware("b")
		within(time.Second)
		w.net.Hold("a", "b")
		synctest.Wait()
		client := b.host.Connect("b0", "room")
		const count = 3000
		padding := strings.Repeat("x", 1000)
		var want []string
		for i := range count {
			text := fmt.Sprint(i, padding)
			want = append(want, text)
			a.Broadcast(coretest.Event(text), inRooms("room"))
			if held := a.server.Withheld(); held > 1<<20/2 {
				t.Fatalf("%d bytes are withheld", held)
			}
		}
		w.net.Heal("a", "b")
		within(time.Minute)
		expectList(t, "client", client.Received(), texts(want...)...)
		expect(t, "bytes withheld in the end", a.server.Withheld(), 0)
	})
}

// Messages that are withheld when a link breaks arrive when it is there again, once, and
// what is withheld when a peer leaves, closes its namespace or dies is forgotten.
func TestWithheldWhenLinksEnd(t *testing.T) {
	for name, end := range map[string]func(w *world, a, b *full){
		"cut":      func(w *world, _, _ *full) { w.net.Cut("a", "b") },
		"one side": func(w *world, _, _ *full) { w.net.CutOneSide("a", "b") },
		"other":    func(w *world, _, _ *full) { w.net.CutOneSide("b", "a") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.aware("a"), w.aware("b")
				within(time.Second)
				client := b.host.Connect("b0")
				within(time.Second)
				var want []string
				for i := range 50 {
					w.far("a", "b", time.Duration(i%20)*time.Millisecond)
					room := fmt.Sprint("room", i)
					b.host.Join(inRooms("b0"), []string{room})
					time.Sleep(time.Duration(i%7) * time.Millisecond)
					a.Broadcast(coretest.Event(room), inRooms(room))
					time.Sleep(time.Duration(i%11) * time.Millisecond)
					end(w, a, b)
					a.Broadcast(coretest.Event(room+"!"), inRooms(room))
					want = append(want, room, room+"!")
					within(5 * time.Second)
				}
				expectList(t, "client", client.Received(), texts(want...)...)
				expect(t, "bytes withheld in the end", a.server.Withheld(), 0)
			})
		})
	}
	for name, end := range map[string]func(w *world, a, b *full){
		"left":   func(_ *world, _, b *full) { b.server.stop() },
		"closed": func(_ *world, _, b *full) { b.Close() },
		"killed": func(w *world, _, _ *full) { w.net.Kill("b") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.aware("a"), w.aware("b")
				within(time.Second)
				a.Broadcast(coretest.Event("x"), inRooms("room"))
				end(w, a, b)
				a.Broadcast(coretest.Event("x"), inRooms("room"))
				within(10 * time.Minute)
				expect(t, "bytes withheld", a.server.Withheld(), 0)
			})
		})
	}
}

// A server that leaves, or closes the namespace, takes nothing with it that it has
// withheld.
func TestEmitThenLeave(t *testing.T) {
	for name, leave := range map[string]func(a *full){
		"shutdown": func(a *full) { a.server.Shutdown(context.Background()) },
		"close":    func(a *full) { a.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, mem.WithStreams(4, 20*time.Millisecond)) // acknowledgements overtake news
				a, b := w.aware("a"), w.aware("b")
				within(time.Second)
				client := b.host.Connect("b0", "room")
				a.Broadcast(coretest.Event("the last words"), inRooms("room"))
				leave(a)
				within(time.Second)
				expectList(t, "client", client.Received(), `["the last words"]`)
			})
		})
	}
}

// Between nodes of which one does not know of marks, routing is as it was: what is for
// rooms that nobody is in is left out, and requests do not wait for anybody else.
func TestInterestWithoutMarks(t *testing.T) {
	for _, old := range []string{"a", "b"} {
		t.Run(old+" is old", func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				servers := map[string]*full{}
				for _, name := range []string{"a", "b"} {
					d := &node.Dialect{Min: 1, Max: 1}
					if name == old {
						d.Without = "mark"
					}
					servers[name] = w.awareSpeaking(name, d)
				}
				a, b := servers["a"], servers["b"]
				within(time.Second)
				client := b.host.Connect("b0", "room")
				within(time.Second)
				a.Broadcast(coretest.Event("1"), inRooms("room"))
				a.Broadcast(coretest.Event("2"), inRooms("nobody's"))
				_, err := a.FetchSockets(t.Context(), inRooms("nobody's")).Wait()
				expect(t, "error", err, nil)
				within(time.Second)
				expectList(t, "client", client.Received(), `["1"]`)
				expect(t, "bytes withheld", a.server.Withheld(), 0)
				if old == "b" {
					expect(t, "b's calls", len(b.host.Calls()), 1)
				}
			})
		})
	}
}

// A peer that does not answer a mark for long, because it is busy with what came before,
// gets everything until it has answered. So nothing gets old that it may still get.
func TestPeerThatDoesNotAnswerMarks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.aware("a"), w.aware("b")
		within(time.Second)
		gate := make(chan struct{})
		b.host.Listen(func(core.Payload, func(core.Payload)) { <-gate })
		a.ServerSideEmit(coretest.Event("block"))
		a.Broadcast(coretest.Event("withheld"), inRooms("nobody's"))
		if a.server.Withheld() == 0 {
			t.Error("nothing is withheld")
		}
		within(4 * time.Second)
		expect(t, "bytes withheld", a.server.Withheld(), 0)
		a.Broadcast(coretest.Event("sent at once"), inRooms("nobody's"))
		expect(t, "bytes withheld", a.server.Withheld(), 0)
		close(gate)
		within(4 * time.Second)
		expect(t, "messages for nobody", b.host.Count("Broadcast"), 2)
		a.Broadcast(coretest.Event("withheld again"), inRooms("nobody's"))
		within(time.Second)
		expect(t, "messages for nobody", b.host.Count("Broadcast"), 2)
	})
}
