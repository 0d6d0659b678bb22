package socketio

import (
	"sync"
	"time"
)

// callbacks runs the callbacks of requests in the order in which the requests end,
// as Node does: one after the other. But if one takes long, because it blocks or
// waits for a request of its own, those behind it are let go, beside it.
type callbacks struct {
	patience time.Duration // how long is long; callbackPatience if it is 0

	mu      sync.Mutex
	queue   []func()
	head    int    // of the queue: what is before it has begun
	runner  uint64 // the goroutine that may begin the next one
	running bool   // there is one
	begun   uint64 // callbacks
	watched bool   // the timer runs
}

// callbackPatience is how long a callback may hold up others.
const callbackPatience = 10 * time.Millisecond

// add puts a callback behind the others. It never blocks.
func (c *callbacks) add(callback func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, callback)
	if c.running {
		c.watch()
		return
	}
	c.running = true
	c.runner++
	go c.run(c.runner)
}

// idle tells whether no callback runs or waits, but for those that took long.
func (c *callbacks) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.running
}

func (c *callbacks) run(self uint64) {
	for callback := c.next(self); callback != nil; callback = c.next(self) {
		callback()
	}
}

// next is what a runner is to run; nil if it is to end.
func (c *callbacks) next(self uint64) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if self != c.runner {
		return nil // it took too long
	}
	if c.head == len(c.queue) {
		c.empty()
		return nil
	}
	callback := c.queue[c.head]
	c.queue[c.head] = nil
	c.head++
	c.begun++
	return callback
}

// empty is called when nothing waits any more; mu is held.
func (c *callbacks) empty() {
	c.queue, c.head, c.running = nil, 0, false
}

// watch sees to it that those who wait do not wait for a single callback; mu is
// held.
func (c *callbacks) watch() {
	if c.watched {
		return
	}
	c.watched = true
	patience, begun := c.patience, c.begun
	if patience == 0 {
		patience = callbackPatience
	}
	time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watched = false
		switch {
		case c.head == len(c.queue):
		case c.begun == begun:
			for _, callback := range c.queue[c.head:] {
				go callback()
			}
			c.runner++ // the one that runs is to end
			c.empty()
		default:
			c.watch()
		}
	})
}
