// Package callbacks calls the callbacks of requests.
package callbacks

import (
	"sync"
	"time"
)

// Queue runs callbacks one after the other, in the order in which they were added, which is
// the order in which their requests ended, as in Node. If a callback takes longer than
// Patience, because it blocks or waits for a request of its own, the callbacks behind it
// start without waiting for it. The zero value is ready. There is no way to wait for
// running callbacks.
type Queue struct {
	// Patience is how long a callback may delay the others; 0: DefaultPatience. It is set
	// before the first use.
	Patience time.Duration

	mu       sync.Mutex
	waiting  []func()
	head     int    // index into waiting of the next callback to begin
	runner   uint64 // the goroutine that may begin the next callback
	running  bool   // such a goroutine exists
	begun    uint64 // the number of callbacks begun
	watching bool   // the timer is running
}

// DefaultPatience is how long a callback may delay others.
const DefaultPatience = 10 * time.Millisecond

// Add adds a callback. It never blocks.
func (q *Queue) Add(callback func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, callback)
	if q.running {
		q.watch()
		return
	}
	q.running = true
	q.runner++
	go q.run(q.runner)
}

// Idle reports whether no callback runs or waits, apart from those that took too long.
func (q *Queue) Idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.running
}

func (q *Queue) run(self uint64) {
	for callback := q.next(self); callback != nil; callback = q.next(self) {
		callback()
	}
}

// next returns the callback that a runner begins; nil ends the runner.
func (q *Queue) next(self uint64) func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if self != q.runner {
		return nil // its last callback took too long, and others were started without it
	}
	if q.head == len(q.waiting) {
		q.stop()
		return nil
	}
	callback := q.waiting[q.head]
	q.waiting[q.head] = nil
	q.head++
	q.begun++
	return callback
}

// stop resets the queue when no callback waits any more; mu is held.
func (q *Queue) stop() {
	q.waiting, q.head, q.running = nil, 0, false
}

// watch starts the waiting callbacks if the running one takes too long; mu is held.
func (q *Queue) watch() {
	if q.watching {
		return
	}
	q.watching = true
	patience, begun := q.Patience, q.begun
	if patience == 0 {
		patience = DefaultPatience
	}
	time.AfterFunc(patience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.watching = false
		switch {
		case q.head == len(q.waiting):
		case q.begun == begun:
			for _, callback := range q.waiting[q.head:] {
				go callback()
			}
			q.runner++ // the old runner ends after its callback
			q.stop()
		default:
			q.watch()
		}
	})
}
