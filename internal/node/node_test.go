package node_test

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
	"github.com/socketmesh/mesh/transport/mem"
)

func TestNodesMeet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		expectMembers(t, a, b, c)
		a.emit("1", "2")
		c.emit("3")
		within(10 * time.Millisecond)
		expectList(t, "b", slices.Sorted(slices.Values(b.received())), "a: 1", "a: 2", "c: 3")
		expectList(t, "a", a.received(), "c: 3")
		expectList(t, "c", c.received(), "a: 1", "a: 2")
		expect(t, "a's observer", strings.Count(a.RecordingObserver.String(), "up"), 2)

		d := w.start("d")
		within(10 * time.Millisecond)
		expectMembers(t, a, b, c, d)
		if err := b.SendTo("d", &core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("only you")}); err != nil {
			t.Error(err)
		}
		if err := b.SendTo("x", &core.Message{Kind: core.KindBroadcast}); !errors.Is(err, core.ErrNoServer) {
			t.Errorf("to nobody: %v", err)
		}
		within(10 * time.Millisecond)
		expectList(t, "d", d.received(), "b: only you")
		expect(t, "idle links have no traffic to speak of", len(a.received()), 1)
	})
}

func TestNamespacesOpenAndClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(10 * time.Millisecond)
		there, here := &recorder{}, &recorder{}
		chatA, err := a.OpenRaw("/chat", there)
		if err != nil {
			t.Fatal(err)
		}
		within(10 * time.Millisecond)
		expect(t, "members while only a has it", len(chatA.Members()), 0)
		chatB, _ := b.OpenRaw("/chat", here)
		if _, err := b.OpenRaw("/chat", here); !errors.Is(err, core.ErrNamespaceOpen) {
			t.Errorf("opened twice: %v", err)
		}
		expectList(t, "b knows at once", chatB.Members(), "a")
		within(10 * time.Millisecond)
		expectList(t, "a knows", chatA.Members(), "b")
		chatA.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("x")})
		within(10 * time.Millisecond)
		expectList(t, "b's chat", here.received(), "a: x")
		expectList(t, "b's main namespace", b.received())
		chatB.Leave()
		within(10 * time.Millisecond)
		expect(t, "a's view", there.membership(), "+b -b")
		if !errors.Is(there.lastCause(), core.ErrPeerLeft) {
			t.Errorf("cause: %v", there.lastCause())
		}
		expectMembers(t, a, b)
		if _, err := b.OpenRaw("/chat", here); err != nil {
			t.Errorf("open again: %v", err)
		}
		within(10 * time.Millisecond)
		expectList(t, "a knows again", chatA.Members(), "b")
	})
}

// If nodes open and close a namespace at the same time, all of them know in the end who
// has it.
func TestNamespacesOpenedAtTheSameTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		nodes := []*server{w.start("a"), w.start("b"), w.start("c")}
		within(10 * time.Millisecond)
		for i := range 300 {
			name := fmt.Sprintf("/%d", i)
			views := make([]core.Cluster, len(nodes))
			var opening sync.WaitGroup
			for j, n := range nodes {
				opening.Go(func() {
					for range i % 3 {
						if view, err := n.OpenRaw(name, &recorder{}); err == nil {
							view.Leave()
						}
					}
					views[j], _ = n.OpenRaw(name, &recorder{})
				})
			}
			opening.Wait()
			synctest.Wait()
			for j, view := range views {
				if got := len(view.Members()); got != 2 {
					t.Fatalf("%s: %s counts %d others", name, nodes[j].ID(), got)
				}
			}
			views[0].Leave()
			synctest.Wait()
			if got := len(views[1].Members()); got != 1 {
				t.Fatalf("%s: b counts %d others after a has left", name, got)
			}
		}
	})
}

func TestKilledPeerIsGoneAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(2 * time.Second)
		w.net.Kill("b")
		within(300 * time.Millisecond) // c waits for b to dial before it looks for it
		expectMembers(t, a, c)
		expect(t, "a lost", strings.Count(a.membership(), "-"), 1)
		if !strings.HasSuffix(a.membership(), "-b") {
			t.Errorf("a saw %s", a.membership())
		}
		b.stop()
		again := w.start("b", func(cfg *core.Config) { cfg.ID = "b2" })
		within(time.Second)
		expectMembers(t, a, c, again)
	})
}

func TestHungPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		w.net.Hang("b")
		within(3 * time.Second)
		a.emit("x")
		within(10 * time.Millisecond)
		expectList(t, "c is not held up", c.received(), "a: x")
		expectMembers(t, a, b, c)
		within(9 * time.Second)
		expect(t, "a's links", len(a.Peers()), 1)
		if err := a.Down("b"); !errors.Is(err, core.ErrSilentPeer) {
			t.Errorf("cause: %v", err)
		}
		expectMembers(t, a, b, c) // it may resume
		within(31 * time.Second)
		expectMembers(t, a, c)
		if !errors.Is(a.lastCause(), core.ErrExpired) {
			t.Errorf("cause: %v", a.lastCause())
		}
		w.net.Resume("b")
		within(31 * time.Second)
		expectMembers(t, a, b, c)
	})
}

func TestRostersNeverEndLinks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		for _, lie := range [][]core.Peer{
			{},
			{{ID: "a", Address: "mem://a"}},
			{{ID: "b", Address: "mem://nowhere"}},
			{{ID: "b", Address: "mem://c"}, {ID: "c", Address: "mem://b"}},
			{{ID: "zz", Address: ""}, {ID: "", Address: "mem://a"}, {ID: "y", Address: "mem://nowhere"}},
		} {
			w.roster.Tell(lie...)
			within(time.Minute)
			expectMembers(t, a, b, c)
			a.emit("still here")
		}
		within(10 * time.Millisecond)
		expect(t, "messages at b", len(b.received()), 5)
		expect(t, "messages at c", len(c.received()), 5)
		expect(t, "a saw", strings.Count(a.RecordingObserver.String(), "down"), 0)
		w.roster.Truth()
		d := w.start("d")
		within(time.Second)
		expectMembers(t, a, b, c, d)
	})
}

// A roster that gives a server the address of another one, which is met there, is
// believed no longer than until it says something else, be it that the dial of the wrong
// address is still under way.
func TestRosterGivesAWrongAddress(t *testing.T) {
	for _, slow := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			a, b, c := w.make("a"), w.make("b"), w.make("c")
			w.roster.Tell(core.Peer{ID: "b", Address: "mem://c"})
			if slow {
				w.net.Hold("a", "c")
			}
			for _, s := range []*server{a, b, c} {
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			within(5 * time.Second)
			w.roster.Truth()
			synctest.Wait()
			w.net.Heal("a", "c")
			within(time.Minute)
			expectMembers(t, a, b, c)
		})
	}
}

// A link that breaks is dialled again, even if the roster is empty.
func TestLostLinkIsRedialledWithoutRoster(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(10 * time.Millisecond)
		w.roster.Tell()
		within(time.Hour)
		w.net.Cut("a", "b")
		within(time.Second)
		expectMembers(t, a, b)
	})
}

func TestPartitionHeals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		w.net.Partition("a", "b")
		within(16*time.Second + core.DefaultResumeWindow)
		expectList(t, "a sees", a.Members(), "c")
		expectList(t, "b sees", b.Members(), "c")
		expect(t, "c sees", len(c.Members()), 2)
		w.net.Heal("a", "b")
		within(31 * time.Second)
		expectMembers(t, a, b, c)
	})
}

func TestSlowPeerIsCutAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(4<<10))
		small := func(cfg *core.Config) { cfg.QueueBytes = 64 << 10 }
		a, _, c := w.start("a", small), w.start("b", small), w.start("c", small)
		within(10 * time.Millisecond)
		w.net.Hang("b")
		text := strings.Repeat("x", 1000)
		for range 200 {
			a.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(text), To: core.Target{Flags: core.Flags{Volatile: true}}})
			synctest.Wait()
		}
		expect(t, "b is not cut for volatile messages", len(a.Peers()), 2)
		expect(t, "c got", len(c.received()), 200)
		if a.Stats().Dropped == 0 {
			t.Error("nothing was dropped")
		}
		for range 300 {
			a.emit(text)
			synctest.Wait()
		}
		expect(t, "b is cut", len(a.Peers()), 1)
		expect(t, "counted as full", a.Stats().SlowFull, 1)
		expect(t, "c got", len(c.received()), 500)
		if !errors.Is(a.lastCause(), core.ErrSlowPeer) {
			t.Errorf("cause: %v", a.lastCause())
		}
	})
}

func TestOrderUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(8<<10))
		a, b := w.start("a"), w.start("b")
		const streams, each = 8, 1500
		var out []core.Cluster
		var in []*recorder
		for i := range streams {
			name := fmt.Sprintf("/%d", i)
			r := &recorder{}
			from, err := a.OpenRaw(name, &recorder{})
			_, err2 := b.OpenRaw(name, r)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			out, in = append(out, from), append(in, r)
		}
		within(10 * time.Millisecond)
		var senders sync.WaitGroup
		for _, from := range out {
			senders.Go(func() {
				for i := range each {
					from.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(fmt.Sprint(i))})
				}
			})
		}
		senders.Wait()
		within(time.Second)
		for s, r := range in {
			got := r.received()
			if len(got) != each {
				t.Fatalf("stream %d: %d messages of %d", s, len(got), each)
			}
			for i, m := range got {
				if m != fmt.Sprintf("a: %d", i) {
					t.Fatalf("stream %d, message %d: %q", s, i, m)
				}
			}
		}
	})
}

func TestShutdownDrains(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10))
		w.net.Delay("a", "b", 50*time.Millisecond)
		a, b := w.start("a"), w.start("b")
		within(time.Second)
		for i := range 1000 {
			a.emit(fmt.Sprint(i))
		}
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		within(time.Second)
		expect(t, "b got", len(b.received()), 1000)
		expect(t, "b saw", b.membership(), "+a -a")
		if !errors.Is(b.lastCause(), core.ErrPeerLeft) {
			t.Errorf("cause: %v", b.lastCause())
		}
		if err := a.Shutdown(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := a.Start(t.Context()); !errors.Is(err, core.ErrClosed) {
			t.Errorf("start after shutdown: %v", err)
		}
	})
}

// Shutdown ends discovery after the links: reference peers end their links to nodes
// that are not in the roster, even if messages are under way.
func TestShutdownLeavesDiscoveryLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10))
		w.net.Delay("a", "b", 50*time.Millisecond)
		var a *server
		var left uint64
		a = w.start("a", func(cfg *core.Config) {
			cfg.Discovery = runs(func(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
				update([]core.Peer{{ID: "b", Address: "mem://b"}})
				<-ctx.Done()
				left = a.Stats().Sent[core.KindBroadcast].Messages
				return nil
			})
		})
		w.start("b")
		within(time.Second)
		for i := range 1000 {
			a.emit(fmt.Sprint(i))
		}
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		expect(t, "sent when it left", left, 1000)
	})
}

// runs is a discovery made of a function.
type runs func(ctx context.Context, self core.Peer, update func([]core.Peer)) error

func (runs) Name() string { return "runs" }

func (f runs) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	return f(ctx, self, update)
}

func TestShutdownIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10))
		a := w.start("a")
		w.start("b")
		within(time.Second)
		w.net.Hang("b")
		for i := range 1000 {
			a.emit(fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if err := a.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "b") {
			t.Errorf("shutdown with a hung peer: %v", err)
		}
		expect(t, "it took", time.Since(began), 2*time.Second)
	})
}

func TestShutdownWithoutDeadlineEndsWithTheHungPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10))
		a := w.start("a")
		w.start("b", func(cfg *core.Config) { cfg.HeartbeatTimeout = time.Hour })
		within(time.Second)
		w.net.Hold("a", "b")
		for i := range 1000 {
			a.emit(fmt.Sprint(i))
		}
		began := time.Now()
		if err := a.Shutdown(context.Background()); !errors.Is(err, core.ErrSilentPeer) || !strings.Contains(err.Error(), "b") {
			t.Errorf("shutdown: %v", err)
		}
		if took := time.Since(began); took > core.DefaultHeartbeatTimeout+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestFailedStartLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a")
		second := w.make("a", func(cfg *core.Config) { cfg.ID = "second" })
		if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "listen on a") {
			t.Errorf("start on a taken address: %v", err)
		}
	})
}

func TestNodeThatNeverStarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.make("a")
		a.emit("to nobody")
		expect(t, "address", a.Addr(), "")
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestDiallingOneself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", statically("a", "elsewhere"), func(cfg *core.Config) { cfg.Advertise = "mem://other-name" })
		within(time.Minute)
		expect(t, "peers", len(a.Peers()), 0)
		expect(t, "tries", a.RefusedWith(core.ErrSelf), 2) // both ends, once
	})
}
