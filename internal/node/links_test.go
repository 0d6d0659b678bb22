package node_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// statically configures peers by address, without ids.
func statically(hosts ...string) func(*core.Config) {
	return func(cfg *core.Config) { cfg.Discovery = staticList(hosts) }
}

type staticList []string

func (s staticList) Name() string { return "list" }

func (s staticList) Run(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
	peers := make([]core.Peer, len(s))
	for i, host := range s {
		peers[i].Address = "mem://" + host
	}
	update(peers)
	<-ctx.Done()
	return nil
}

// If both nodes dial, one link stays. Nothing that was sent on either is lost, doubled
// or reordered.
func TestBothDial(t *testing.T) {
	for _, delays := range [][2]time.Duration{{0, 0}, {5, 0}, {0, 5}, {3, 3}, {20, 1}, {1, 20}} {
		t.Run(fmt.Sprint(delays), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.net.Delay("a", "b", delays[0]*time.Millisecond)
				w.net.Delay("b", "a", delays[1]*time.Millisecond)
				a, b := w.make("a", statically("a", "b")), w.make("b", statically("b", "a"))
				if err := errors.Join(a.Start(t.Context()), b.Start(t.Context())); err != nil {
					t.Fatal(err)
				}
				var fromA, fromB []string
				for i := range 400 {
					text := fmt.Sprint(i)
					if len(a.Peers()) > 0 {
						a.emit(text)
						fromA = append(fromA, "a: "+text)
					}
					if len(b.Peers()) > 0 {
						b.emit(text)
						fromB = append(fromB, "b: "+text)
					}
					time.Sleep(time.Millisecond / 2)
				}
				within(time.Second)
				expectList(t, "b got", b.received(), fromA...)
				expectList(t, "a got", a.received(), fromB...)
				expectMembers(t, a, b)
				expect(t, "a's links", a.Links("b"), 1)
				expect(t, "b's links", b.Links("a"), 1)
				expect(t, "a's observer", a.RecordingObserver.String(), "up b")
				within(time.Minute)
				expect(t, "a's observer later", a.RecordingObserver.String(), "up b")
				if len(fromA) < 50 || len(fromB) < 50 {
					t.Errorf("sent only %d and %d", len(fromA), len(fromB))
				}
			})
		})
	}
}

// Messages on the link that stays do not overtake those on the link that goes.
func TestNewLinkTakesOverFromTheOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.roster.Tell()
		a, b := w.start("a"), w.start("b", statically("a"))
		within(time.Second)
		w.net.Delay("a", "b", 100*time.Millisecond)
		a.emit("1", "2")
		synctest.Wait()
		w.net.Delay("a", "b", 0)
		w.roster.Tell(core.Peer{Address: "mem://b"}) // a dials too, and being smaller its link stays
		synctest.Wait()
		a.emit("3", "4")
		within(time.Second)
		expectList(t, "b", b.received(), "a: 1", "a: 2", "a: 3", "a: 4")
		expect(t, "links", a.Links("b"), 1)
	})
}

// If a peer has lost its link and this node has not, the peer's new link goes on with the
// old one's session, and nobody leaves.
func TestPeerThatLostItsLinkResumes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(time.Second)
		w.net.CutOneSide("a", "b")
		within(time.Second)
		expect(t, "a", a.membership(), "+b")
		expect(t, "b", b.membership(), "+a")
		expect(t, "b never was without a link", b.RecordingObserver.String(), "up a")
	})
}

// A list that has two addresses of one peer makes one link.
func TestTwoAddressesOfOnePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", statically("b", "mem://b", "a")), w.start("b", statically())
		for i := range 100 {
			a.emit(fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		within(time.Minute)
		expect(t, "links", a.Links("b"), 1)
		expect(t, "observer", a.RecordingObserver.String(), "up b")
		got := b.received()
		for i, m := range got {
			if want := fmt.Sprintf("a: %d", 100-len(got)+i); m != want {
				t.Fatalf("message %d is %q, want %q", i, m, want)
			}
		}
	})
}

// A new connection of a peer replaces a half-open link.
func TestHalfOpenLinkIsReplaced(t *testing.T) {
	for _, dead := range []string{"dialler", "acceptor"} {
		t.Run("dead for the "+dead, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a"), w.start("b") // a dials
				within(10 * time.Millisecond)
				patience := time.Second
				if dead == "dialler" {
					w.net.CutOneSide("a", "b")
				} else {
					w.net.CutOneSide("b", "a")
					patience = 15 * time.Second // a's ping has to find out
				}
				within(patience)
				expectMembers(t, a, b)
				a.emit("from a")
				b.emit("from b")
				within(10 * time.Millisecond)
				expectList(t, "b", b.received(), "a: from a")
				expectList(t, "a", a.received(), "b: from b")
				within(time.Minute)
				expect(t, "a's links", a.Links("b"), 1)
				expect(t, "b's links", b.Links("a"), 1)
			})
		})
	}
}

// The node with the larger id can replace a half-open link, although the other one had
// dialled it.
func TestHalfOpenLinkIsReplacedFromTheLargerSide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", statically("b")), w.start("b", statically("a"))
		within(time.Second)
		expect(t, "links", a.Links("b"), 1)
		w.net.CutOneSide("b", "a")
		within(4 * time.Second)
		expectMembers(t, a, b)
		b.emit("hello")
		a.emit("hello yourself")
		within(10 * time.Millisecond)
		expectList(t, "a", a.received(), "b: hello")
		expectList(t, "b", b.received(), "a: hello yourself")
		expect(t, "links", a.Links("b"), 1)
	})
}

// Forty nodes start at once and form a full mesh with one link per pair; then some
// leave at the same moment.
func TestManyNodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		var all []*server
		for i := range 40 {
			all = append(all, w.start(fmt.Sprintf("n%02d", i)))
		}
		within(time.Second)
		expectMembers(t, all...)
		for _, s := range all {
			s.emit("hello")
		}
		within(time.Second)
		for _, s := range all {
			expect(t, s.ID()+" heard", len(s.received()), len(all)-1)
		}
		for i := range 10 {
			w.net.Kill(fmt.Sprintf("n%02d", 3*i))
		}
		within(time.Second)
		var left []*server
		for i, s := range all {
			if i%3 != 0 || i >= 30 {
				left = append(left, s)
			}
		}
		expectMembers(t, left...)
		for _, s := range left {
			for _, other := range left {
				if other != s && s.Links(other.ID()) != 1 {
					t.Errorf("%s has %d links to %s", s.ID(), s.Links(other.ID()), other.ID())
				}
			}
		}
	})
}
