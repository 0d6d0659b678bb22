package node_test

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
	"github.com/socketmesh/mesh/transport/mem"
)

// tallies is an observer that wants to know to whom messages go.
type tallies struct {
	*coretest.RecordingObserver
	all []core.Publication
}

func (o *tallies) Published(p core.Publication) { o.all = append(o.all, p) }

// TestWaitForCapacity: a publisher that waits before each message sends as fast as the slowest
// peer takes, loses nothing, and never has more waiting than the half of what may.
func TestWaitForCapacity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(64<<10))
		const size, messages, queue = 50_000, 400, 2 << 20
		a := w.start("a", func(cfg *core.Config) { cfg.QueueBytes, cfg.QueueMinRate = queue, 1<<10 })
		b := w.start("b", func(cfg *core.Config) {
			cfg.Transport = paced{cfg.Transport, 1_000_000, 0}
			cfg.HeartbeatTimeout = time.Hour
		})
		within(2 * time.Second)
		text := strings.Repeat("x", size)
		began := time.Now()
		for i := range messages {
			if err := a.WaitForCapacity(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.emit(text)
			if waits := a.Stats().Peers[0].QueuedBytes; waits > queue/2+2*size {
				t.Fatalf("%d bytes wait after %d messages", waits, i)
			}
		}
		if took := time.Since(began); took < 15*time.Second || took > 30*time.Second {
			t.Errorf("20 MB at 1 MB/s took %v", took)
		}
		within(10 * time.Second)
		expect(t, "b got", len(b.received()), messages)
		expect(t, "dropped", a.Stats().Dropped, 0)
	})
}

// TestWaitForCapacityEnds: the wait ends with its context or the node, naming who is behind,
// and when the peer that is behind has gone.
func TestWaitForCapacityEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(64<<10))
		a := w.start("a", func(cfg *core.Config) { cfg.QueueBytes = 1 << 20 })
		w.start("b", func(cfg *core.Config) {
			cfg.Transport = paced{cfg.Transport, 2_000, 0}
			cfg.HeartbeatTimeout = time.Hour
		})
		w.start("c")
		within(5 * time.Second)
		expect(t, "with nothing to send", a.WaitForCapacity(t.Context()), nil)
		large := strings.Repeat("x", 700_000)
		a.emit(large, large, large, large) // two are under way
		waitFor := func(ctx context.Context, cause error) {
			t.Helper()
			full, err := (*core.CapacityError)(nil), a.WaitForCapacity(ctx)
			if !errors.As(err, &full) || !errors.Is(err, cause) || !slices.Equal(full.Full, []string{"b"}) || !strings.Contains(err.Error(), "b") {
				t.Errorf("%v, want %v, of b", err, cause)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waitFor(ctx, context.DeadlineExceeded)

		done := make(chan error, 1)
		go func() { done <- a.WaitForCapacity(t.Context()) }()
		synctest.Wait()
		expect(t, "returned", len(done), 0)
		w.net.Partition("a", "b")
		w.net.Cut("a", "b")
		within(300 * time.Millisecond)
		expect(t, "when there is no link", len(done), 1)
		expect(t, "error", <-done, nil)
		w.net.Heal("a", "b")
	})
}

// TestPublished: who publishes is told, before Publish returns, how many peers a message is
// queued for, kept for, and dropped for.
func TestPublished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(64<<10))
		told := &tallies{}
		a := w.start("a", func(cfg *core.Config) {
			told.RecordingObserver = cfg.Observer.(*coretest.RecordingObserver)
			cfg.Observer = told
			cfg.QueueBytes, cfg.MaxQueueBytes, cfg.QueueSlowTime = 1<<20, 4<<20, time.Hour
		})
		w.start("b")
		w.start("c")
		w.start("slow", func(cfg *core.Config) {
			cfg.Transport = paced{cfg.Transport, 2_000, 0}
			cfg.HeartbeatTimeout = time.Hour
		})
		within(5 * time.Second)
		told.all = nil
		last := func(m *core.Message, queued, held, dropped int) {
			t.Helper()
			m.Kind = core.KindBroadcast
			before := len(told.all)
			a.Publish(m)
			want := core.Publication{Namespace: "/", Kind: core.KindBroadcast, Queued: queued, Held: held, Dropped: dropped}
			if len(told.all) != before+1 || told.all[before] != want {
				t.Errorf("told of %+v, want %+v", told.all[before:], want)
			}
		}
		large := func() *core.Message { return &core.Message{Payload: coretest.Event(strings.Repeat("x", 900_000))} }
		small := func() *core.Message { return &core.Message{Payload: coretest.Event("x")} }
		volatile := func() *core.Message {
			return &core.Message{Payload: coretest.Event("x"), To: core.Target{Flags: core.Flags{Volatile: true}}}
		}
		last(small(), 3, 0, 0)
		last(large(), 3, 0, 0) // is under way
		last(large(), 3, 0, 0)
		last(large(), 3, 0, 0) // more waits than may for as long as it takes
		within(time.Second)
		last(volatile(), 2, 0, 1)

		w.net.Partition("a", "b")
		w.net.Cut("a", "b")
		within(time.Second)
		last(small(), 2, 1, 0) // b may come back
		last(volatile(), 1, 0, 2)
		within(time.Minute) // b cannot any more
		last(small(), 2, 0, 0)
		w.net.Heal("a", "b")
	})
}
