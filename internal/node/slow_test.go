package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"
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
		expect(t, "peers that are left", len(a.Peers()), 1)
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

// TestGiant: nobody can tell how much of one large message has been taken, so a peer
// has as much time for it as it takes at the rate, however much waits behind it.
func TestGiant(t *testing.T) {
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
