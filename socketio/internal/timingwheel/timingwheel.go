// Package timingwheel is a timing wheel: one clock for many timers that are set again and
// again and hardly ever expire. Setting a timer costs a few pointers, and a timer has no
// goroutine.
package timingwheel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// slots is the number of places around the wheel. A timer that is further away than one
// turn stays in its slot for several turns.
const slots = 512

// Timer is one timer. It belongs to one wheel. Its handler is set before it is used.
type Timer struct {
	Handler Handler

	next, prev *Timer
	at         int64 // the tick at which it expires
}

// Handler is called when a timer expires.
type Handler interface {
	// Expire is called without locks, on a goroutine that also calls the other timers that
	// expire at the same tick. It may still be called once when its timer has just been
	// stopped or set again.
	Expire()
}

// Wheel keeps timers. It runs only while there are timers.
type Wheel struct {
	tick  time.Duration
	start time.Time

	mu       sync.Mutex
	slots    [slots]Timer // heads of circular lists
	count    int
	done     int64 // the last tick whose timers have expired
	clock    *time.Timer
	ticks    time.Time // when the next tick is due
	expiring bool      // expire is running
	due      []*Timer  // the timers that it calls

	late atomic.Int64 // nanoseconds, see Late
}

// Now is the time since the wheel was made.
func (w *Wheel) Now() time.Duration { return time.Since(w.start) }

// Late returns how late the process was in total since the wheel was made: a tick came
// late, or a goroutine waited for a processor, by more than a tick. Other goroutines may
// have done their work in that time; that is not checked. Late is measured only while there
// are timers.
func (w *Wheel) Late() time.Duration { return time.Duration(w.late.Load()) }

// New makes a wheel whose timers are at most two ticks late, and never early.
func New(tick time.Duration) *Wheel {
	w := &Wheel{tick: tick, start: time.Now()}
	for i := range w.slots {
		head := &w.slots[i]
		head.next, head.prev = head, head
	}
	return w
}

// Set makes t expire after d, instead of at its previous time.
func (w *Wheel) Set(t *Timer, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.unlink(t); w.count == 0 && !w.expiring {
		w.done = now
		w.startClock()
	}
	t.at = now + 1 + int64((d+w.tick-1)/w.tick)
	head := &w.slots[t.at%slots]
	t.next, t.prev = head, head.prev
	t.prev.next, t.next.prev = t, t
	w.count++
}

// Stop removes t from the wheel.
func (w *Wheel) Stop(t *Timer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(t)
}

func (w *Wheel) unlink(t *Timer) {
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	w.count--
}

func (w *Wheel) now() int64 { return int64(time.Since(w.start) / w.tick) }

// startClock makes the clock tick once.
func (w *Wheel) startClock() {
	w.ticks = time.Now().Add(w.tick)
	if w.clock == nil {
		w.clock = time.AfterFunc(w.tick, w.expire)
		return
	}
	w.clock.Reset(w.tick)
}

// expire calls the handlers of the timers that are due. The clock does not tick meanwhile.
func (w *Wheel) expire() {
	w.noteLate()
	for _, t := range w.takeDue() {
		t.Handler.Expire()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expiring = false
	clear(w.due)
	w.due = w.due[:0]
	if w.count > 0 {
		w.startClock()
	}
}

// noteLate is called when the clock ticks. The goroutine of a timer is among the next to
// run, but those of readable connections wait at the end of a queue: so this one goes
// there, too, before it measures.
func (w *Wheel) noteLate() {
	runtime.Gosched()
	w.mu.Lock()
	late := time.Since(w.ticks)
	w.mu.Unlock()
	if late > w.tick {
		w.late.Add(int64(late))
	}
}

func (w *Wheel) takeDue() []*Timer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expiring = true
	now := w.now()
	for tick := max(w.done+1, now-slots+1); tick <= now; tick++ {
		head := &w.slots[tick%slots]
		for t := head.next; t != head; {
			next := t.next
			if t.at <= now {
				w.unlink(t)
				w.due = append(w.due, t)
			}
			t = next
		}
	}
	w.done = now
	return w.due
}
