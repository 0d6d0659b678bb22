package sendqueue

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/backlog"
)

// opened is an account, and why its client was cut.
func opened(s *Scheduler) (*Account, <-chan error) {
	failed := make(chan error, 10)
	return s.OpenAccount(func(err *backlog.Error) { failed <- err }), failed
}

func wantStats(t *testing.T, o *Scheduler, held int64, cut [backlog.Reasons]int64) {
	t.Helper()
	if s := o.Stats(); s.Held != held || s.Cut != cut {
		t.Errorf("%d bytes held, cut %v; want %d, %v", s.Held, s.Cut, held, cut)
	}
}

// TestAccountFull: a client for which too much waits is cut once, and what waited for
// it does not count any more.
func TestAccountFull(t *testing.T) {
	o := NewScheduler(Config{Limits: backlog.Limits{Soft: 1 << 20, Hard: 2 << 20}})
	a, failed := opened(o)
	const size = 100_000
	for range 20 {
		a.Add(size)
	}
	wantStats(t, o, 20*(size+frameSize+placeSize), [backlog.Reasons]int64{})
	for range 5 {
		a.Add(size)
	}
	err := await.Value(t, failed)
	wantCut(t, err, backlog.Full)
	wantStats(t, o, 0, only(backlog.Full))
	a.Add(10 * size)
	a.Take(1, size)
	a.Close()
	wantStats(t, o, 0, only(backlog.Full))
	if len(failed) > 0 {
		t.Error("cut twice")
	}
}

// TestAccountTaken: what was taken does not count, and little that waits does not.
func TestAccountTaken(t *testing.T) {
	o := NewScheduler(Config{Limits: backlog.Limits{Soft: 1 << 20, Hard: 2 << 20}})
	a, failed := opened(o)
	for range 1000 {
		for range 10 {
			a.Add(100_000)
		}
		a.Send(1_000_000)
		a.Take(10, 1_000_000)
	}
	a.Add(lagging - frameSize - placeSize - 1)
	wantStats(t, o, 0, [backlog.Reasons]int64{})
	a.Add(1)
	wantStats(t, o, lagging+frameSize+placeSize, [backlog.Reasons]int64{})
	a.Take(3, 1<<30) // more than was added: what the library has sent of its own
	wantStats(t, o, 0, [backlog.Reasons]int64{})
	if len(failed) > 0 {
		t.Error(<-failed)
	}
}

// TestAccountLarge: one message of any length is no reason to cut, and counts for half
// of the total at most; a second one is.
func TestAccountLarge(t *testing.T) {
	const mb = 1 << 20
	o := NewScheduler(Config{Limits: backlog.Limits{Soft: mb, Hard: 2 * mb}, Total: 6 * mb})
	a, failed := opened(o)
	a.Add(100 * mb)
	wantStats(t, o, 3*mb+frameSize+placeSize, [backlog.Reasons]int64{})
	a.Take(1, 100*mb)
	a.Add(100 * mb)
	a.Add(mb)
	if len(failed) > 0 {
		t.Fatal(<-failed)
	}
	a.Add(100 * mb)
	wantCut(t, await.Value(t, failed), backlog.Full)
}

// TestAccountProgress: over the soft bound, a client that takes less than the rate is
// cut after the grace; one that is being sent a large piece gets the time for it.
func TestAccountProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := NewScheduler(Config{Limits: backlog.Limits{Soft: 1 << 20, Hard: 1 << 30, Rate: 100_000}})
		frozen, cut := opened(o)
		steady, failed := opened(o)
		late, slow := opened(o)
		for range 40 {
			frozen.Add(100_000)
			steady.Add(100_000)
			late.Add(100_000)
		}
		late.Send(2_000_000)
		start := time.Now()
		go func() {
			for range 20 {
				time.Sleep(time.Second)
				steady.Take(2, 200_000)
			}
		}()
		wantCut(t, <-cut, backlog.NoProgress)
		if waited := time.Since(start); waited < 10*time.Second || waited > 12*time.Second {
			t.Errorf("cut after %v", waited)
		}
		wantCut(t, <-slow, backlog.NoProgress)
		if waited := time.Since(start); waited < 20*time.Second || waited > 22*time.Second {
			t.Errorf("one with a large piece under way was cut after %v", waited)
		}
		time.Sleep(20 * time.Second)
		steady.Close()
		if len(failed) > 0 {
			t.Error(<-failed)
		}
		time.Sleep(time.Minute) // until nobody looks any more
	})
}

// TestAccountTotal: accounts and queues count in one total, and the longest go first.
func TestAccountTotal(t *testing.T) {
	const mb = 1 << 20
	o := NewScheduler(Config{Total: 8 * mb})
	small, kept := opened(o)
	big, cut := opened(o)
	small.Add(mb)
	for range 5 {
		big.Add(mb)
	}
	near, _ := tcp(t)
	w := watch()
	q := o.NewQueue(near, w)
	defer q.Drop()
	for range 6 {
		if err := q.Put(NewFrame(make([]byte, mb))); err != nil {
			break
		}
	}
	wantCut(t, await.Value(t, cut), backlog.Memory)
	if len(kept) > 0 {
		t.Error(<-kept)
	}
	if s := o.Stats(); s.Held > 8*mb {
		t.Errorf("%d bytes held", s.Held)
	}
}
