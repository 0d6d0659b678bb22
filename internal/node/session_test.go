package node_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// counting makes a server emit numbers at a rate, until stopped; it returns how many.
func (s *server) counting(every time.Duration) (stop func() int) {
	done, count := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-done:
				count <- n
				return
			case <-time.After(every):
				n++
				s.emit(fmt.Sprint(n))
			}
		}
	}()
	return func() int { close(done); return <-count }
}

// expectCount checks that a server has got the numbers from 1 to n of another one, in
// order and once.
func (s *server) expectCount(t *testing.T, from *server, n int) {
	t.Helper()
	var got []string
	for _, m := range s.received() {
		if strings.HasPrefix(m, from.ID()+": ") {
			got = append(got, m)
		}
	}
	for i, m := range got {
		if want := fmt.Sprintf("%s: %d", from.ID(), i+1); m != want {
			t.Fatalf("%s got %q as number %d", s.ID(), m, i+1)
		}
	}
	if len(got) != n {
		t.Errorf("%s got %d of %d messages of %s", s.ID(), len(got), n, from.ID())
	}
}

// fault is something that breaks links for a while.
type fault struct {
	name   string
	begin  func(w *world)
	end    func(w *world)
	lasts  time.Duration
	times  int
	within time.Duration // in which all is well again
	every  time.Duration // a message
}

var faults = []fault{
	{"cut", func(w *world) { w.net.Cut("a", "b") }, func(*world) {}, 0, 1, time.Second, 2 * time.Millisecond},
	{"cut at the dialler", func(w *world) { w.net.CutOneSide("a", "b") }, func(*world) {}, 0, 1, 20 * time.Second, 10 * time.Millisecond},
	{"cut at the acceptor", func(w *world) { w.net.CutOneSide("b", "a") }, func(*world) {}, 0, 1, 20 * time.Second, 10 * time.Millisecond},
	{"away for 5 s", func(w *world) { w.net.Partition("a", "b"); w.net.Cut("a", "b") }, func(w *world) { w.net.Heal("a", "b") }, 5 * time.Second, 1, 20 * time.Second, 6 * time.Millisecond},
	{"ten flaps", func(w *world) { w.net.Cut("a", "b") }, func(*world) {}, 700 * time.Millisecond, 10, 20 * time.Second, 6 * time.Millisecond},
	{"packets dropped for 20 s", func(w *world) { w.net.Partition("a", "b") }, func(w *world) { w.net.Heal("a", "b") }, 20 * time.Second, 1, 30 * time.Second, 10 * time.Millisecond},
	{"packets held for 20 s", func(w *world) { w.net.Hold("a", "b") }, func(w *world) { w.net.Heal("a", "b") }, 20 * time.Second, 1, 30 * time.Second, 10 * time.Millisecond},
	{"dialler stopped for 15 s", func(w *world) { w.net.Hang("a") }, func(w *world) { w.net.Resume("a") }, 15 * time.Second, 1, 20 * time.Second, 6 * time.Millisecond},
	{"acceptor stopped for 15 s", func(w *world) { w.net.Hang("b") }, func(w *world) { w.net.Resume("b") }, 15 * time.Second, 1, 20 * time.Second, 6 * time.Millisecond},
}

// TestNothingIsLostWithALink: links that break and come back within the resume window
// deliver all that was published meanwhile, in order and once, in both directions; the
// others notice nothing.
func TestNothingIsLostWithALink(t *testing.T) {
	for _, f := range faults {
		for _, streams := range []int{0, 3} {
			t.Run(fmt.Sprint(f.name, ", ", streams, " streams"), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					opts := []mem.Option{mem.WithBuffer(16 << 10)}
					if streams > 0 {
						opts = append(opts, mem.WithStreams(streams, 3*time.Millisecond))
					}
					w := newWorld(t, opts...)
					w.net.Delay("a", "b", 7*time.Millisecond)
					w.net.Delay("b", "a", 5*time.Millisecond)
					all := []*server{w.start("a"), w.start("b"), w.start("c")}
					within(2 * time.Second)
					stop := map[*server]func() int{}
					for _, s := range all {
						stop[s] = s.counting(f.every)
					}
					within(time.Second)
					for range f.times {
						f.begin(w)
						within(f.lasts)
						f.end(w)
						within(time.Second)
					}
					within(f.within)
					sent := map[*server]int{}
					for s, stop := range stop {
						sent[s] = stop()
					}
					within(10 * time.Second)
					for _, s := range all {
						for from, n := range sent {
							if from != s {
								s.expectCount(t, from, n)
							}
						}
						expect(t, s.ID()+" knows of lost messages", s.Stats().Lost+s.Stats().LostOut, 0)
						expect(t, s.ID()+"'s members", strings.Count(s.membership(), "-"), 0)
						expect(t, s.ID()+"'s suspended peers", len(s.Stats().Suspended), 0)
						for _, p := range s.Stats().Peers {
							expect(t, s.ID()+" still keeps for "+p.ID, p.UnackedBytes, 0)
						}
					}
				})
			})
		}
	}
}

// expectGap checks the gaps that a server was told of.
func (s *server) expectGap(t *testing.T, peer string, outbound bool, want map[core.Kind]uint64) {
	t.Helper()
	got := map[core.Kind]uint64{}
	for _, g := range s.Gaps() {
		if g.Peer != peer || g.Outbound != outbound {
			t.Errorf("%s was told of %+v", s.ID(), g)
			continue
		}
		for kind, n := range g.Lost {
			got[kind] += n
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s was told that %v were lost, want %v", s.ID(), got, want)
	}
}

// TestGapIsExact: what could not be kept is told exactly, by kind, at both ends.
func TestGapIsExact(t *testing.T) {
	// Of ten messages three arrive, and it is never known here. Then the link is away for
	// longer than the window, and twenty more are published.
	t.Run("away for longer than the window", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.start("a"), w.start("b")
			within(2 * time.Second)
			a.emit("1", "2", "3")
			synctest.Wait()
			w.net.Partition("a", "b")
			a.emit("4", "5", "6", "7", "8", "9", "10")
			within(2 * time.Minute)
			for range 20 {
				a.emit("while it is gone")
			}
			a.Publish(&core.Message{Kind: core.KindSocketsJoin, Rooms: []string{"r"}})
			w.net.Heal("a", "b")
			within(time.Minute)
			a.emit("again")
			within(time.Second)
			expectList(t, "b got", b.received(), "a: 1", "a: 2", "a: 3", "a: again")
			lost := map[core.Kind]uint64{core.KindBroadcast: 27, core.KindSocketsJoin: 1}
			a.expectGap(t, "b", true, lost)
			b.expectGap(t, "a", false, lost)
			expect(t, "counted at a", a.Stats().LostOut, 28)
			expect(t, "counted at b", b.Stats().Lost, 28)
			expect(t, "a's log", a.logs.Count("WARN", "messages to this peer were lost"), 1)
			expect(t, "b's log", b.logs.Count("WARN", "messages of this peer were lost"), 1)
			expectMembers(t, a, b)
		})
	})
	t.Run("more than fits the queue", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.start("a", func(c *core.Config) { c.QueueBytes = 1 << 20 }), w.start("b")
			within(2 * time.Second)
			w.net.Partition("a", "b")
			text := strings.Repeat("x", 900) // 1 KiB and some
			const messages = 3000
			for i := range messages {
				a.emit(fmt.Sprint(i, text))
				if i%100 == 0 {
					synctest.Wait() // it is not cut for the burst
				}
			}
			for _, p := range a.Stats().Peers {
				expect(t, "within its bound", p.QueuedBytes <= 4<<20 && p.UnackedBytes <= core.DefaultReplayBytes, true)
			}
			within(15 * time.Second)
			a.emit("last")
			if p := a.Stats().Suspended; len(p) != 1 || p[0].QueuedBytes+p[0].UnackedBytes > 1<<20 {
				t.Errorf("suspended: %+v", p)
			}
			w.net.Heal("a", "b")
			within(15 * time.Second)
			got := b.received()
			if len(got) == 0 || got[len(got)-1] != "a: last" {
				t.Fatalf("b got %d", len(got))
			}
			lost := map[core.Kind]uint64{core.KindBroadcast: uint64(messages + 1 - len(got))}
			a.expectGap(t, "b", true, lost)
			b.expectGap(t, "a", false, lost)
			expect(t, "members that left", strings.Count(a.membership(), "-"), 0)
		})
	})
	t.Run("more than fits the queue, without a link", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.start("a", func(c *core.Config) { c.QueueMessages = 100 }), w.start("b")
			within(2 * time.Second)
			w.net.Partition("a", "b")
			w.net.Cut("a", "b")
			within(time.Second)
			for i := range 250 {
				a.emit(fmt.Sprint(i))
			}
			w.net.Heal("a", "b")
			within(15 * time.Second)
			got := b.received()
			if len(got) != 100 || got[0] != "a: 150" || got[99] != "a: 249" {
				t.Errorf("b got %d: %v", len(got), got)
			}
			lost := map[core.Kind]uint64{core.KindBroadcast: 150}
			a.expectGap(t, "b", true, lost)
			b.expectGap(t, "a", false, lost)
		})
	})
	t.Run("cut for being too slow", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, mem.WithBuffer(4<<10))
			a := w.start("a", func(c *core.Config) { c.QueueBytes, c.MaxQueueBytes, c.HeartbeatTimeout = 64<<10, 128<<10, time.Hour })
			b := w.start("b", func(c *core.Config) { c.HeartbeatTimeout = time.Hour })
			within(2 * time.Second)
			w.net.Hold("a", "b")
			text := strings.Repeat("x", 900)
			const messages = 1000
			for i := range messages {
				a.emit(fmt.Sprint(i, text))
				if len(a.Peers()) == 0 {
					break
				}
				synctest.Wait()
			}
			expect(t, "cut", a.Stats().SlowFull, 1)
			w.net.Heal("a", "b")
			within(time.Minute)
			a.emit("last")
			within(time.Second)
			expectMembers(t, a, b)
			got := uint64(len(b.received()))
			sent := a.Stats().Published[core.KindBroadcast].Messages
			if lost := b.Lost(); got+lost < sent || a.Stats().LostOut != lost {
				t.Errorf("published %d, got %d, told of %d lost at b, %d at a", sent, got, lost, a.Stats().LostOut)
			}
		})
	})
}

// Volatile messages are not sent again, and are no gap.
func TestVolatileMessagesAreNotSentAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(2 * time.Second)
		volatile := func(text string) {
			a.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(text), To: core.Target{Flags: core.Flags{Volatile: true}}})
		}
		w.net.Partition("a", "b")
		a.emit("1")
		volatile("lost on the way")
		a.emit("2")
		within(15 * time.Second)
		volatile("while there is no link")
		a.emit("3")
		w.net.Heal("a", "b")
		within(15 * time.Second)
		volatile("later")
		a.emit("4")
		within(time.Second)
		expectList(t, "b got", b.received(), "a: 1", "a: 2", "a: 3", "a: later", "a: 4")
		expect(t, "told as lost", len(a.Gaps())+len(b.Gaps()), 0)
		expect(t, "dropped", a.Stats().Dropped, 2)
	})
}

// A process that was stopped for longer than the window and goes on delivers nothing that
// is from before.
func TestZombie(t *testing.T) {
	for _, hung := range []string{"a", "b"} {
		t.Run(hung, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				servers := map[string]*server{"a": w.start("a"), "b": w.start("b")}
				zombie, other := servers[hung], servers[map[string]string{"a": "b", "b": "a"}[hung]]
				within(2 * time.Second)
				w.net.Hang(hung)
				zombie.emit("from before")
				other.emit("to the dead")
				within(2 * time.Minute)
				expect(t, "members", len(other.Members()), 0)
				w.net.Resume(hung)
				synctest.Wait()
				within(time.Minute)
				zombie.emit("back")
				other.emit("welcome")
				within(time.Second)
				expectList(t, "the other got", other.received(), zombie.ID()+": back")
				expectList(t, "the zombie got", zombie.received(), other.ID()+": welcome")
				expectMembers(t, zombie, other)
				other.expectLost(t, zombie, 1, 1)
				zombie.expectLost(t, other, 1, 1)
			})
		})
	}
}

// expectLost checks how many broadcasts a server knows to be lost on the way to a peer,
// and from it.
func (s *server) expectLost(t *testing.T, peer *server, out, in uint64) {
	t.Helper()
	var gotOut, gotIn uint64
	for _, g := range s.Gaps() {
		if g.Outbound {
			gotOut += g.Lost[core.KindBroadcast]
		} else {
			gotIn += g.Lost[core.KindBroadcast]
		}
	}
	expect(t, s.ID()+" knows as lost to "+peer.ID(), gotOut, out)
	expect(t, s.ID()+" knows as lost from "+peer.ID(), gotIn, in)
}

// Another process with a peer's id is another peer: it gets nothing that was meant for
// the one before, and what was is told as lost.
func TestRestartWithTheSameID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(2 * time.Second)
		w.net.Partition("a", "b")
		a.emit("for the first b")
		within(15 * time.Second)
		w.net.Kill("b")
		b.stop()
		w.net.Heal("a", "b")
		again := w.start("b")
		within(time.Minute)
		a.emit("for the second")
		again.emit("from the second")
		within(time.Second)
		expectList(t, "b got", again.received(), "a: for the second")
		expectList(t, "a got", a.received(), "b: from the second")
		expect(t, "a saw", a.membership(), "+b -b +b")
		a.expectGap(t, "b", true, map[core.Kind]uint64{core.KindBroadcast: 1})
		expect(t, "gaps that the second was told of", len(again.Gaps()), 0)
		expectMembers(t, a, again)
	})
}

// A process that names the id of a peer that is linked is refused: it neither takes its
// place nor ends its link.
func TestImpostor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(2 * time.Second)
		for i := range 3 {
			conn := w.dial("a")
			send(t, conn, node.ResumableHello("b", "another", fmt.Sprintf("zzz%d", i)))
			conn.Recv() // WELCOME
			_, err := conn.Recv()
			if closed, ok := errors.AsType[*core.CloseError](err); !ok || closed.CloseReason != core.CloseDuplicate {
				t.Errorf("it got %v", err)
			}
			within(3 * time.Second)
		}
		expect(t, "refused", a.RefusedWith(core.ErrDuplicateID), 3)
		a.emit("x")
		b.emit("y")
		within(time.Second)
		expectList(t, "b got", b.received(), "a: x")
		expectList(t, "a got", a.received(), "b: y")
		expect(t, "a saw", a.RecordingObserver.String(), "up b")
	})
}

// A message that the peer does not take, as it is above its limit, does not come again
// and again: what is behind it gets through, and it is told as lost.
func TestMessageThatIsNeverTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", func(c *core.Config) { c.Transport = rejecting{c.Transport} }), w.start("b")
		within(2 * time.Second)
		for _, text := range []string{"1", "poison", "2", "3"} {
			a.emit(text)
			synctest.Wait()
		}
		within(15 * time.Second)
		expectList(t, "b got", b.received(), "a: 1", "a: 2", "a: 3")
		expect(t, "lost", b.Lost(), 1)
		expect(t, "a saw", a.membership(), "+b")
	})
}

// rejecting is a transport whose connections the peer closes as soon as it gets a message
// that has "poison" in it.
type rejecting struct{ core.Transport }

func (r rejecting) Dial(ctx context.Context, addr string) (core.Conn, error) {
	c, err := r.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &rejectingConn{Conn: c, rejected: make(chan struct{})}, nil
}

type rejectingConn struct {
	core.Conn
	rejected chan struct{}
}

func (c *rejectingConn) Send(ctx context.Context, frames [][]byte) error {
	for i, f := range frames {
		select {
		case <-c.rejected:
			return nil // nobody reads it
		default:
		}
		if strings.Contains(string(f), "poison") {
			close(c.rejected)
			time.AfterFunc(10*time.Millisecond, func() { c.Conn.Close(core.CloseSilent) })
			return c.Conn.Send(ctx, frames[:i])
		}
	}
	return c.Conn.Send(ctx, frames)
}

func (c *rejectingConn) Recv() ([]byte, error) {
	frame, err := c.Conn.Recv()
	if err != nil {
		select {
		case <-c.rejected:
			err = &core.CloseError{CloseReason: core.CloseReason{Code: 1009, Text: "too big"}}
		default:
		}
	}
	return frame, err
}

// What a peer has not acknowledged is bounded, whether it reads or not. When it has, there is
// more.
func TestUnacknowledgedIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", func(c *core.Config) { c.ReplayBytes = core.MinReplayBytes })
		conn := w.dial("a")
		send(t, conn, node.ResumableHello("q", "p", "1"), node.ResumableStart("s", "e", 0))
		var got atomic.Uint64
		go func() {
			for {
				frame, err := conn.Recv()
				if err != nil {
					return
				}
				if frame[0] == 1 {
					got.Add(1)
				}
			}
		}()
		within(time.Second)
		text := strings.Repeat("x", 10_000)
		for range 1000 {
			a.emit(text)
			synctest.Wait()
		}
		p := a.Stats().Peers[0]
		if p.UnackedBytes < core.MinReplayBytes || p.UnackedBytes > 2*core.MinReplayBytes || p.QueuedBytes < 5<<20 {
			t.Errorf("unacknowledged: %d, waiting: %d", p.UnackedBytes, p.QueuedBytes)
		}
		before := got.Load()
		send(t, conn, node.AckFrame(before))
		within(time.Second)
		if got.Load() <= before {
			t.Errorf("nothing came behind the acknowledgement of %d messages", before)
		}
	})
}

// Acknowledgements that make no sense end the link, and nothing else.
func TestBadAcknowledgements(t *testing.T) {
	for name, frame := range map[string][]byte{
		"of more than was sent": node.AckFrame(1 << 40),
		"of no sequence":        node.AckFrame(),
		"of too many sequences": node.AckFrame(0, 0),
		"empty":                 {0x0e},
		"of an unknown kind":    {0x0e, 9},
		"cut off":               {0x0e, 0, 0x80},
		"sync without a name":   {0x0d},
		"sync with a giant one": node.SyncFrame(strings.Repeat("x", 1000)),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a"), w.start("b")
				conn := w.dial("a")
				send(t, conn, node.ResumableHello("q", "p", "1"), node.ResumableStart("s", "e", 0))
				within(time.Second)
				expect(t, "links to q", a.Links("q"), 1)
				send(t, conn, frame)
				within(time.Second)
				expect(t, "links to q", a.Links("q"), 0)
				a.emit("x")
				within(time.Second)
				expectList(t, "b got", b.received(), "a: x")
			})
		})
	}
}

// A peer that says in START that it is behind what has arrived sends some of it again:
// that is dropped.
func TestWhatIsHereAlreadyIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		broadcast := func(text string) []byte { return broadcastFrame(t, "q", text) }
		conn := w.dial("a")
		send(t, conn, node.ResumableHello("q", "p", "1"), node.ResumableStart("s", "e", 0), broadcast("1"), broadcast("2"))
		within(time.Second)
		conn.Close(core.CloseSilent)
		within(time.Second)
		conn = w.dial("a")
		send(t, conn, node.ResumableHello("q", "p", "2"), node.ResumableStart("s", "e", 1), broadcast("2"), broadcast("3"))
		within(time.Second)
		expectList(t, "a got", a.received(), "q: 1", "q: 2", "q: 3")
		expect(t, "lost", a.Lost(), 0)
		conn.Close(core.CloseSilent)
		within(time.Second)
		conn = w.dial("a")
		send(t, conn, node.ResumableHello("q", "p", "3"), node.ResumableStart("s", "e", 5), broadcast("6"))
		within(time.Second)
		expectList(t, "a got", a.received(), "q: 1", "q: 2", "q: 3", "q: 6")
		expect(t, "lost", a.Lost(), 2)
	})
}

// A peer tells of a gap again until it knows that it was heard: it counts once, and what has
// come to it since counts, too.
func TestGapIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		for i, c := range []struct {
			gap        string
			lost, want uint64
		}{{"g", 3, 3}, {"g", 3, 3}, {"g", 5, 5}, {"h", 2, 7}, {"", 0, 7}} {
			conn := w.dial("a")
			send(t, conn, node.ResumableHello("q", "p", fmt.Sprint(i)), node.StartWithGap("s", "e", c.gap, c.lost, 0))
			within(time.Second)
			expect(t, fmt.Sprint("lost after link ", i), a.Lost(), c.want)
			conn.Close(core.CloseSilent)
			within(time.Second)
		}
	})
}

// If discovery drops a peer whose process hangs, nobody waits for it any more after a
// second or two. If discovery was wrong, nothing is lost, and it is a member again.
func TestDiscoveryDropsAPeer(t *testing.T) {
	for _, hangs := range []bool{true, false} {
		t.Run(fmt.Sprint("it hangs: ", hangs), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b, c := w.start("a"), w.start("b"), w.start("c")
				within(2 * time.Second)
				if hangs {
					w.net.Hang("b")
				}
				w.roster.Tell(core.Peer{ID: "a", Address: "mem://a"}, core.Peer{ID: "c", Address: "mem://c"})
				a.emit("1")
				within(1500 * time.Millisecond)
				if hangs {
					expectMembers(t, a, c)
				} else {
					expectMembers(t, a, b, c)
					expect(t, "a lost", strings.Count(a.RecordingObserver.String(), "down"), 0)
				}
				a.emit("2")
				w.net.Resume("b")
				within(15 * time.Second)
				a.emit("3")
				within(time.Second)
				expectMembers(t, a, b, c)
				expectList(t, "b got", b.received(), "a: 1", "a: 2", "a: 3")
			})
		})
	}
}

// If only one of two peers has given the other up, they know each other again as soon as
// there is a link.
func TestOneGivesUp(t *testing.T) {
	for _, sent := range []string{"nothing", "by who gave up", "by the other", "by both"} {
		t.Run(sent, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				for i, windows := range [][2]time.Duration{{time.Second, time.Minute}, {time.Minute, time.Second}} {
					var both [2]*server
					for j, id := range []string{fmt.Sprint("a", i), fmt.Sprint("b", i)} {
						both[j] = w.start(id, func(c *core.Config) { c.ResumeWindow = windows[j] })
					}
					a, b := both[0], both[1]
					within(2 * time.Second)
					w.net.Partition(a.ID(), b.ID())
					w.net.Cut(a.ID(), b.ID())
					within(5 * time.Second)
					if sent == "by both" || sent == "by who gave up" == (i == 0) && sent != "nothing" {
						a.emit("from a")
					}
					if sent == "by both" || sent == "by the other" == (i == 0) && sent != "nothing" {
						b.emit("from b")
					}
					w.net.Heal(a.ID(), b.ID())
					within(30 * time.Second)
					expectMembers(t, a, b)
					b.emit("later")
					a.emit("later")
					within(time.Second)
					expectList(t, "a got", a.received(), b.ID()+": later")
					expectList(t, "b got", b.received(), a.ID()+": later")
					a.stop()
					b.stop()
					within(time.Second)
				}
			})
		})
	}
}

// messageFrame is a message in a frame of its own.
func messageFrame(t *testing.T, m *core.Message) []byte {
	t.Helper()
	frame, err := json.New().Append([]byte{1}, m)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// dialAsQ links to the node "a" as the peer "q", whose session "s" begins; the link has
// this name.
func (w *world) dialAsQ(link string) core.Conn {
	w.t.Helper()
	conn := w.dial("a")
	send(w.t, conn, node.ResumableHello("q", "p", link), node.ResumableStart("s", "e", 0))
	within(time.Second)
	return conn
}

// A peer that has got nothing more than what it had acknowledged gets all that came behind.
func TestSentAgainFromTheAcknowledgement(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, conn := w.start("a"), w.dialAsQ("1")
		a.emit("1", "2", "3")
		within(time.Second)
		send(t, conn, node.AckFrame(2)) // a heartbeat came first
		within(time.Second)
		conn.Close(core.CloseSilent)
		within(time.Second)
		conn = w.dial("a")
		send(t, conn, node.ResumableHello("q", "p", "2"), node.ResumableStart("s", "e", 0), node.AckFrame(2))
		within(time.Second)
		expect(t, "sent again", a.Stats().Replayed, 2)
		expect(t, "gaps", len(a.Gaps()), 0)
	})
}

// A peer that remembers less than it had said is told what is lost, and goes on.
func TestPeerThatForgets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, conn := w.start("a"), w.dialAsQ("1")
		a.emit("1", "2")
		within(time.Second)
		send(t, conn, node.AckFrame(2))
		a.emit("3")
		within(time.Second)
		conn.Close(core.CloseSilent)
		within(time.Second)
		conn = w.dial("a")
		send(t, conn, node.ResumableHello("q", "p", "2"), node.ResumableStart("s", "e", 0), node.AckFrame(1))
		within(time.Second)
		expect(t, "links", a.Links("q"), 1)
		if gaps := a.Gaps(); len(gaps) != 1 || !gaps[0].Outbound || gaps[0].Lost[core.KindBroadcast] != 2 { // "2" and "3": a heartbeat came first
			t.Errorf("gaps: %+v", gaps)
		}
		expect(t, "log", a.logs.Count("WARN", "cannot resume"), 1)
	})
}

// What comes on a link that the peer had used before the one that has spoken is not taken:
// the peer sends it again.
func TestEarlierLinkIsNotListenedTo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		first, second := w.dial("a"), w.dial("a")
		send(t, first, node.ResumableHello("q", "p", "1"))
		within(time.Second)
		send(t, second, node.ResumableHello("q", "p", "2"), node.SyncOfTurn(2, "s"))
		within(time.Second)
		first.Send(t.Context(), [][]byte{node.StartOfTurn(1, "s"), broadcastFrame(t, "q", "1")})
		within(time.Second)
		send(t, second, node.StartOfTurn(2, "s"), broadcastFrame(t, "q", "1"), broadcastFrame(t, "q", "2"))
		within(time.Second)
		expectList(t, "a got", a.received(), "q: 1", "q: 2")
		expect(t, "links", a.Links("q"), 1)
	})
}
