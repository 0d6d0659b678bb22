package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/mem"
)

// paced is a transport whose connections take a number of bytes per second, in each
// direction; 0 means no limit.
type paced struct {
	core.Transport
	in, out int
}

func (p paced) Dial(ctx context.Context, address string) (core.Conn, error) {
	c, err := p.Transport.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return slowConn{c, p.in, p.out}, nil
}

func (p paced) Listen(ctx context.Context, address string) (core.Listener, error) {
	l, err := p.Transport.Listen(ctx, address)
	return slowListener{l, p.in, p.out}, err
}

type slowListener struct {
	core.Listener
	in, out int
}

func (l slowListener) Accept() (core.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return slowConn{c, l.in, l.out}, nil
}

type slowConn struct {
	core.Conn
	in, out int
}

func (c slowConn) Recv() ([]byte, error) {
	frame, err := c.Conn.Recv()
	pace(len(frame), c.in)
	return frame, err
}

func (c slowConn) Send(ctx context.Context, frames [][]byte) error {
	for _, frame := range frames {
		pace(len(frame), c.out)
	}
	return c.Conn.Send(ctx, frames)
}

func pace(bytes, rate int) {
	if rate > 0 {
		time.Sleep(time.Duration(bytes) * time.Second / time.Duration(rate))
	}
}

// TestBurst: a peer that takes 2 MB per second gets all of a burst of 40 MB. One that
// is slower than the rate is cut when its time is over, and no sooner; until then its
// queue stays within the bound.
func TestBurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(64<<10))
		as := func(rate int) func(*core.Config) {
			return func(cfg *core.Config) {
				cfg.Transport = paced{cfg.Transport, rate, 0}
				cfg.HeartbeatTimeout = time.Hour
			}
		}
		limited := func(cfg *core.Config) {
			cfg.QueueBytes = 16 << 20
			cfg.HeartbeatTimeout = time.Hour
			cfg.RedialMin, cfg.RedialMax = time.Hour, time.Hour
		}
		a, steady, trickling := w.start("a", limited), w.start("b", as(2_000_000)), w.start("c", as(100_000))
		within(10 * time.Millisecond)
		expect(t, "peers", len(a.Peers()), 2)
		const messages, size = 640, 62_500
		text := strings.Repeat("x", size)
		for range messages {
			a.emit(text)
		}
		for _, p := range a.Stats().Peers {
			if p.QueuedBytes < 30_000_000 || p.QueuedBytes > 64<<20 {
				t.Errorf("%d bytes wait for %s", p.QueuedBytes, p.ID)
			}
		}
		within(9 * time.Second)
		expect(t, "nobody is cut within the time", len(a.Peers()), 2)
		within(3 * time.Second)
		expect(t, "cut for taking too little", a.Stats().SlowRate, 1)
		within(5 * time.Second) // in which the connection tries to say goodbye
		if err := a.Down("c"); !errors.Is(err, core.ErrSlowPeer) || !strings.Contains(err.Error(), "it takes too little") {
			t.Errorf("cause: %v", err)
		}
		if log := a.logs.String(); !strings.Contains(log, "queued_bytes") || !strings.Contains(log, "behind_for") {
			t.Errorf("log: %s", log)
		}
		within(7 * time.Second)
		expect(t, "the steady one got", len(steady.received()), messages)
		expect(t, "why it was cut", a.Down("b"), nil)
		if got := len(trickling.received()); got > 40 {
			t.Errorf("the other one got %d", got)
		}
	})
}

// TestOneLargeMessageHasItsTime: nobody can tell how much of one large message has been taken, so a peer
// has as much time for it as it takes at the rate, however much waits behind it.
func TestOneLargeMessageHasItsTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(64<<10))
		change := func(cfg *core.Config) {
			cfg.QueueBytes, cfg.MaxQueueBytes = 1<<20, 4<<20
			cfg.QueueMinRate = 500_000
			cfg.HeartbeatTimeout = time.Hour
		}
		a := w.start("a", change, func(cfg *core.Config) { cfg.Transport = paced{cfg.Transport, 0, 1_000_000} })
		b := w.start("b", change)
		within(10 * time.Millisecond)
		a.emit("first", strings.Repeat("x", 30_000_000), "last")
		for range 20 {
			a.emit(strings.Repeat("y", 100_000))
		}
		within(time.Minute)
		expect(t, "b got", len(b.received()), 23)
		expect(t, "why it was cut", a.Down("b"), nil)
	})
}

// TestSlowPeerRecovers: a peer that takes 128 KiB/s is sent 132 KiB every 30 ms. What
// waits for it stays within its bound, the others get everything at once, what it has lost
// is told exactly at both ends, and its link recovers by itself.
func TestSlowPeerRecovers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(64<<10))
		const queue, most = 8 << 20, 16 << 20
		a := w.start("a", func(cfg *core.Config) { cfg.QueueBytes, cfg.MaxQueueBytes, cfg.QueueMinRate = queue, most, 1<<20 })
		b := w.start("b", func(cfg *core.Config) { cfg.Transport = paced{cfg.Transport, 128 << 10, 0} })
		c := w.start("c")
		within(2 * time.Second)
		text := strings.Repeat("x", 132<<10)
		sent := 0
		for range 1000 { // half a minute
			a.emit(text)
			sent++
			if synctest.Wait(); len(c.received()) != sent { // before any time has passed
				t.Fatalf("c has got %d of %d at once", len(c.received()), sent)
			}
			time.Sleep(30 * time.Millisecond)
			stats := a.Stats()
			for _, p := range append(stats.Peers, stats.Suspended...) {
				if p.ID == "b" && (p.QueuedBytes > most*11/10 || p.UnackedBytes > core.DefaultReplayBytes*11/10) {
					t.Fatalf("%d bytes wait for b, %d are under way", p.QueuedBytes, p.UnackedBytes)
				}
			}
		}
		expect(t, "c's link", strings.Contains(a.RecordingObserver.String(), "down c"), false)
		within(5 * time.Minute)
		a.emit("last")
		within(time.Minute)
		expectMembers(t, a, b, c)
		got := b.received()
		if got[len(got)-1] != "a: last" {
			t.Error("the link has not recovered")
		}
		if lost := uint64(sent + 1 - len(got)); lost == 0 || b.Stats().Lost < lost || a.broadcastsLost() != lost || b.broadcastsLost() != lost {
			t.Errorf("b lost %d; a was told of %d, b of %d", lost, a.broadcastsLost(), b.broadcastsLost())
		}
		if a.Stats().SlowRate+a.Stats().SlowFull == 0 {
			t.Error("b was never cut")
		}
	})
}

// broadcastsLost is how many of them are in the gaps that a server was told of.
func (s *server) broadcastsLost() (n uint64) {
	for _, g := range s.Gaps() {
		n += g.Lost[core.KindBroadcast]
	}
	return n
}
