package admission

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newGate makes a gate that lets so many be at work, whatever happens, until the test
// measures something else.
func newGate(limit, most int) (g *Gate, late *atomic.Int64) {
	late = new(atomic.Int64)
	g = New(Config{Max: most})
	g.measure = func() time.Duration { return time.Duration(late.Load()) }
	g.floor, g.start = limit, limit
	g.reset()
	return g, late
}

// arrival is a client at the gate.
type arrival struct {
	number int
	ticket *Ticket
	err    error
}

// arrive lets clients come, one after the other; each is reported when it is let in or not.
func arrive(ctx context.Context, g *Gate, n int) <-chan arrival {
	all := make(chan arrival, n)
	for i := range n {
		go func() {
			t, err := g.Enter(ctx)
			all <- arrival{i, t, err}
		}()
		synctest.Wait()
	}
	return all
}

// TestTurns: those who have to wait for a moment get their turns in the order in which they
// came, and nobody is let in beyond the limit.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, late := newGate(2, 10)
		late.Store(int64(time.Second)) // so that the limit does not grow
		all := arrive(t.Context(), g, 6)
		if s := g.Stats(); s.Working != 2 || s.Waiting != 4 {
			t.Fatalf("%+v", s)
		}
		var order []int
		for range 6 {
			a := <-all
			if a.err != nil {
				t.Fatal(a.err)
			}
			order = append(order, a.number)
			if s := g.Stats(); s.Working > 2 {
				t.Errorf("%d at work", s.Working)
			}
			a.ticket.Release()
			a.ticket.Release() // which frees no second place
			synctest.Wait()
		}
		if !slices.IsSorted(order) {
			t.Errorf("let in in the order %v", order)
		}
		if s := g.Stats(); s.Working+s.Waiting != 0 || s.Waits != 4 || s.Refused != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestNewestFirst: when the first in line has waited for so long that it may have given up,
// the newest are let in first, who have not.
func TestNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, late := newGate(1, 10)
		late.Store(int64(time.Second))
		first, _ := g.Enter(t.Context())
		all := arrive(t.Context(), g, 3)
		for range fresh/time.Second + 1 { // it is at work all the time
			time.Sleep(time.Second)
			first.Step()
		}
		newest := arrive(t.Context(), g, 1)
		first.Release()
		synctest.Wait()
		if len(newest) != 1 || len(all) != 0 {
			t.Fatalf("%d of the newest, %d of the others are let in", len(newest), len(all))
		}
		(<-newest).ticket.Release()
		for _, want := range []int{2, 1, 0} {
			a := <-all
			if a.err != nil || a.number != want {
				t.Errorf("client %d is let in (%v), want %d", a.number, a.err, want)
			}
			a.ticket.Release()
			synctest.Wait()
		}
	})
}

// TestGoneWhenItsTurnComes: who has gone while it waited takes nobody's place.
func TestGoneWhenItsTurnComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // whichever is noticed first
			g, late := newGate(1, 10)
			late.Store(int64(time.Second))
			first, _ := g.Enter(t.Context())
			ctx, cancel := context.WithCancel(t.Context())
			all := arrive(ctx, g, 1)
			g.mu.Lock() // so that both have happened when the client sees either
			cancel()
			first.release()
			g.mu.Unlock()
			if a := <-all; !errors.Is(a.err, context.Canceled) || a.ticket != nil {
				t.Fatalf("let in: %+v", a)
			}
			if s := g.Stats(); s.Working+s.Waiting != 0 {
				t.Fatalf("%+v", s)
			}
		}
	})
}

// TestFull: who comes when as many are there as may be is refused at once.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Stats
		g, late := newGate(2, 5)
		g.config.Refused = func(err error, s Stats) {
			if !errors.Is(err, ErrFull) {
				t.Error(err)
			}
			told = append(told, s)
		}
		late.Store(int64(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		all := arrive(ctx, g, 5)
		began := time.Now()
		for range 3 {
			if _, err := g.Enter(ctx); !errors.Is(err, ErrFull) {
				t.Errorf("let in: %v", err)
			}
		}
		if time.Since(began) != 0 || g.Stats().Refused != 3 || len(told) != 3 || told[2].Refused != 3 {
			t.Errorf("after %v: %+v, told %v", time.Since(began), g.Stats(), told)
		}
		cancel() // those that wait are gone
		for range 5 {
			(<-all).ticket.Release()
		}
		if s := g.Stats(); s.Working+s.Waiting != 0 || s.Refused != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// TestPatience: nobody waits for longer than a client does, and who is refused then has
// left the line.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, late := newGate(1, 10)
		late.Store(int64(time.Second))
		first, _ := g.Enter(t.Context())
		steps, stop := context.WithCancel(t.Context())
		var worker sync.WaitGroup
		worker.Go(func() { // is at work all the time
			for steps.Err() == nil {
				first.Step()
				time.Sleep(slotTime / 2)
			}
		})
		began := time.Now()
		if _, err := g.Enter(t.Context()); !errors.Is(err, ErrTooLong) || time.Since(began) != patience {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if s := g.Stats(); s.Waiting != 0 || s.Working != 1 || s.Refused != 1 {
			t.Errorf("%+v", s)
		}
		stop()
		worker.Wait()
		first.Release()
	})
}

// TestLateProcess: as long as the process is late no more than the fewest are at work; when
// it is not, all are soon.
func TestLateProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, late := newGate(4, 10_000)
		g.start = 400
		g.reset()
		var inside, most atomic.Int64
		late.Store(int64(tolerable + time.Millisecond))
		for range 2000 {
			go func() {
				ticket, err := g.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(100 * time.Millisecond)
				inside.Add(-1)
				ticket.Release()
			}()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := g.Stats(); s.Working != 4 || s.Limit != 4 || s.Waiting < 1000 {
			t.Errorf("while it is late: %+v", s)
		}
		late.Store(0)
		began := time.Now()
		for g.Stats().Working+g.Stats().Waiting > 0 {
			time.Sleep(period)
		}
		// 4 at a time would take 40 s.
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%v until all are in", took)
		}
		t.Logf("at most %d at once", most.Load())
	})
}

// TestSlowHandshakesHoldNobodyUp: handshakes that wait for a database, or for their client,
// make nobody late. So none waits for them, however many there are.
func TestSlowHandshakesHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGate(32, DefaultMax)
		all := make(chan *Ticket, 5000)
		began := time.Now()
		for range 5000 {
			go func() {
				ticket, err := g.Enter(t.Context())
				if err != nil {
					t.Error(err)
				}
				all <- ticket
			}()
		}
		for range 5000 {
			<-all // which nobody releases
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("all are let in after %v", took)
		}
		time.Sleep(slotTime + 2*period)
		synctest.Wait()
		if s := g.Stats(); s.Working != 0 {
			t.Errorf("%d take a place for ever", s.Working)
		}
	})
}

// TestSilentClients: who opens a connection and says nothing keeps others out for a moment
// only, even when the process is late; a handshake that goes on keeps its place.
func TestSilentClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, late := newGate(3, 100)
		late.Store(int64(time.Second))
		alive, _ := g.Enter(t.Context())
		for range 2 {
			if _, err := g.Enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		all := arrive(t.Context(), g, 4)
		time.Sleep(slotTime / 2)
		alive.Step()
		time.Sleep(slotTime/2 + 2*period)
		synctest.Wait()
		if len(all) != 2 || g.Stats().Working != 3 {
			t.Errorf("%d let in, %+v", len(all), g.Stats())
		}
		alive.Release()
		for range 4 {
			(<-all).ticket.Release()
		}
	})
}

// TestPass: those who are in already do not wait, and newcomers let them go first.
func TestPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, late := newGate(2, 10)
		late.Store(int64(time.Second))
		var passed []*Ticket
		for range 3 {
			passed = append(passed, g.Pass())
		}
		all := arrive(t.Context(), g, 1)
		passed[0].Answered()
		synctest.Wait()
		if len(all) != 0 {
			t.Error("a newcomer is let in before its turn")
		}
		passed[1].Own() // released later
		passed[1].Answered()
		synctest.Wait()
		if len(all) != 0 {
			t.Error("a ticket that is owned is released with the answer")
		}
		passed[1].Release()
		(<-all).ticket.Release()
		passed[2].Release()
	})
}

// TestNoGate: without a gate all go through.
func TestNoGate(t *testing.T) {
	var g *Gate
	ticket, err := g.Enter(t.Context())
	if err != nil || ticket != nil || g.Pass() != nil || g.Stats() != (Stats{}) {
		t.Errorf("%v, %v", ticket, err)
	}
	ticket.Step()
	ticket.Own()
	ticket.Answered()
	ticket.Release()
}

// TestQueued: what is measured is time.
func TestQueued(t *testing.T) {
	if d := queued(); d < 0 {
		t.Error(d)
	}
}

func BenchmarkEnter(b *testing.B) {
	g := New(Config{})
	b.ReportAllocs()
	for b.Loop() {
		t, err := g.Enter(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		t.Own()
		t.Step()
		t.Release()
	}
}
