package coretest

import "sync"

// conveyor does one thing after another, on a goroutine of its own, and can be
// held.
type conveyor struct {
	mu      sync.Mutex
	wake    sync.Cond
	jobs    []func()
	held    bool
	stopped bool
}

func newConveyor() *conveyor {
	c := &conveyor{}
	c.wake.L = &c.mu
	return c
}

func (c *conveyor) put(job func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.jobs = append(c.jobs, job)
		c.wake.Signal()
	}
}

func (c *conveyor) hold(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = held
	c.wake.Signal()
}

// lose throws away what is held, and goes on.
func (c *conveyor) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		c.jobs, c.held = nil, false
	}
}

// stop ends the goroutine: at once, or behind what is to be done.
func (c *conveyor) stop(now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if now {
		c.jobs = nil
	}
	c.wake.Signal()
}

func (c *conveyor) run() {
	for {
		job := c.next()
		if job == nil {
			return
		}
		job()
	}
}

func (c *conveyor) next() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case len(c.jobs) > 0 && !c.held:
			job := c.jobs[0]
			c.jobs = c.jobs[1:]
			return job
		case c.stopped && len(c.jobs) == 0:
			return nil
		}
		c.wake.Wait()
	}
}
