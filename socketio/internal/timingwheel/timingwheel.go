// Package timingwheel is one clock for many timers that are set again and again and
// hardly ever ring: a timing wheel. Setting one costs a few pointers, and a timer
// has no goroutine.
package timingwheel

import (
	"sync"
	"time"
)

// slots are the places around the wheel. What is further away than one turn waits
// for more turns.
const slots = 512

// Timer is one thing to be rung for. It belongs to one wheel, and its bell is set
// before it is used.
type Timer struct {
	Handler Handler

	next, prev *Timer
	at         int64 // tick
}

// Handler is rung when a timer's time has come.
type Handler interface {
	// Expire is called without locks, on a goroutine that the other timers of the
	// moment wait for. A timer may be stopped or set again while it is about to
	// be rung for; the bell has to bear that.
	Expire()
}

// Wheel keeps timers. It runs only while there are any.
type Wheel struct {
	tick  time.Duration
	start time.Time

	mu    sync.Mutex
	slots [slots]Timer // heads of rings
	count int
	done  int64 // the last tick that has been seen to
	clock *time.Timer
	turns bool     // a turn is under way
	due   []*Timer // of that
}

// Now is how long the wheel has been there.
func (w *Wheel) Now() time.Duration { return time.Since(w.start) }

// New makes a wheel that is at most two ticks late, and never early.
func New(tick time.Duration) *Wheel {
	w := &Wheel{tick: tick, start: time.Now()}
	for i := range w.slots {
		head := &w.slots[i]
		head.next, head.prev = head, head
	}
	return w
}

// Set lets t ring after d, instead of when it was going to.
func (w *Wheel) Set(t *Timer, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.unlink(t); w.count == 0 && !w.turns {
		w.done = now
		w.wind()
	}
	t.at = now + 1 + int64((d+w.tick-1)/w.tick)
	head := &w.slots[t.at%slots]
	t.next, t.prev = head, head.prev
	t.prev.next, t.next.prev = t, t
	w.count++
}

// Stop takes t off the wheel.
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

// wind lets the clock tick once.
func (w *Wheel) wind() {
	if w.clock == nil {
		w.clock = time.AfterFunc(w.tick, w.turn)
		return
	}
	w.clock.Reset(w.tick)
}

// turn rings for what is due. The clock stands still meanwhile.
func (w *Wheel) turn() {
	for _, t := range w.takeDue() {
		t.Handler.Expire()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turns = false
	clear(w.due)
	w.due = w.due[:0]
	if w.count > 0 {
		w.wind()
	}
}

func (w *Wheel) takeDue() []*Timer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turns = true
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

// Len is the number of timers that are set.
func (w *Wheel) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}
