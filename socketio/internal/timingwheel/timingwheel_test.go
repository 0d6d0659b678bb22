package timingwheel

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder records when its timer expires, and may do something then.
type recorder struct {
	expired []time.Time
	then    func()
}

func (r *recorder) Expire() {
	r.expired = append(r.expired, time.Now())
	if r.then != nil {
		r.then()
	}
}

const tick = 10 * time.Millisecond

func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(tick)
		start := time.Now()
		waits := []time.Duration{0, tick, 95 * time.Millisecond, time.Second, slots*tick - 1, slots * tick, 3 * slots * tick, time.Minute}
		handlers := make([]recorder, len(waits))
		timers := make([]Timer, len(waits))
		for i, d := range waits {
			timers[i].Handler = &handlers[i]
			w.Set(&timers[i], d)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for i, d := range waits {
			if len(handlers[i].expired) != 1 {
				t.Errorf("%v: expired %d times", d, len(handlers[i].expired))
				continue
			}
			if late := handlers[i].expired[0].Sub(start) - d; late < 0 || late > 2*tick {
				t.Errorf("%v: %v late", d, late)
			}
		}
		if w.count != 0 {
			t.Errorf("%d timers left", w.count)
		}
	})
}

func TestStopAndSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(tick)
		var stopped, moved, again recorder
		a, b, c := Timer{Handler: &stopped}, Timer{Handler: &moved}, Timer{Handler: &again}
		again.then = func() {
			if len(again.expired) < 5 {
				w.Set(&c, 100*time.Millisecond)
			}
		}
		w.Stop(&a)
		w.Set(&a, time.Second)
		w.Set(&b, time.Second)
		w.Set(&c, 100*time.Millisecond)
		w.Stop(&a)
		time.Sleep(500 * time.Millisecond)
		start := time.Now()
		w.Set(&b, time.Second)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(stopped.expired) != 0 || len(moved.expired) != 1 || len(again.expired) != 5 {
			t.Fatalf("expired %d, %d, %d times", len(stopped.expired), len(moved.expired), len(again.expired))
		}
		if late := moved.expired[0].Sub(start) - time.Second; late < 0 || late > 2*tick {
			t.Errorf("%v late", late)
		}
	})
}

func BenchmarkSet(b *testing.B) {
	w := New(tick)
	timers := make([]Timer, 10_000)
	for i := range timers {
		timers[i].Handler = new(recorder)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Set(&timers[i%len(timers)], time.Hour)
	}
}

// TestLate: what counts is by how much a tick was late, if that is more than a tick.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(tick)
		timer := Timer{Handler: new(recorder)}
		w.Set(&timer, time.Minute)
		time.Sleep(time.Second)
		if late := w.Late(); late != 0 {
			t.Errorf("late by %v", late)
		}
		w.Stop(&timer)
		w = New(tick) // whose clock stands still
		w.ticks = time.Now().Add(-5 * tick)
		w.noteLate()
		w.ticks = time.Now().Add(-tick)
		w.noteLate()
		if late := w.Late(); late != 5*tick {
			t.Errorf("late by %v, want %v", late, 5*tick)
		}
	})
}
