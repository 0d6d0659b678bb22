package timingwheel

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bell notes when it is rung, and may do something about it.
type bell struct {
	rung []time.Time
	then func()
}

func (b *bell) Expire() {
	b.rung = append(b.rung, time.Now())
	if b.then != nil {
		b.then()
	}
}

const tick = 10 * time.Millisecond

func TestRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(tick)
		start := time.Now()
		waits := []time.Duration{0, tick, 95 * time.Millisecond, time.Second, slots*tick - 1, slots * tick, 3 * slots * tick, time.Minute}
		bells := make([]bell, len(waits))
		timers := make([]Timer, len(waits))
		for i, d := range waits {
			timers[i].Handler = &bells[i]
			w.Set(&timers[i], d)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for i, d := range waits {
			if len(bells[i].rung) != 1 {
				t.Errorf("%v: rung %d times", d, len(bells[i].rung))
				continue
			}
			if late := bells[i].rung[0].Sub(start) - d; late < 0 || late > 2*tick {
				t.Errorf("%v: %v late", d, late)
			}
		}
		if w.Len() != 0 {
			t.Errorf("%d timers left", w.Len())
		}
	})
}

func TestStopAndSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(tick)
		var stopped, moved, again bell
		a, b, c := Timer{Handler: &stopped}, Timer{Handler: &moved}, Timer{Handler: &again}
		again.then = func() {
			if len(again.rung) < 5 {
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
		if len(stopped.rung) != 0 || len(moved.rung) != 1 || len(again.rung) != 5 {
			t.Fatalf("rung %d, %d, %d times", len(stopped.rung), len(moved.rung), len(again.rung))
		}
		if late := moved.rung[0].Sub(start) - time.Second; late < 0 || late > 2*tick {
			t.Errorf("%v late", late)
		}
	})
}

func BenchmarkSet(b *testing.B) {
	w := New(tick)
	timers := make([]Timer, 10_000)
	for i := range timers {
		timers[i].Handler = new(bell)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Set(&timers[i%len(timers)], time.Hour)
	}
}
