package coretest

import "sync"

// serialQueue runs jobs one after another on its own goroutine. It can be held.
type serialQueue struct {
	mu      sync.Mutex
	wake    sync.Cond
	jobs    []func()
	held    bool
	stopped bool
}

func newSerialQueue() *serialQueue {
	q := &serialQueue{}
	q.wake.L = &q.mu
	return q
}

func (q *serialQueue) put(job func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.stopped {
		q.jobs = append(q.jobs, job)
		q.wake.Signal()
	}
}

func (q *serialQueue) hold(held bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = held
	q.wake.Signal()
}

// lose drops the jobs that are held, and ends the holding.
func (q *serialQueue) lose() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held {
		q.jobs, q.held = nil, false
	}
}

// stop ends the goroutine: at once, or after the jobs that wait.
func (q *serialQueue) stop(now bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	if now {
		q.jobs = nil
	}
	q.wake.Signal()
}

func (q *serialQueue) run() {
	for {
		job := q.next()
		if job == nil {
			return
		}
		job()
	}
}

func (q *serialQueue) next() func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case len(q.jobs) > 0 && !q.held:
			job := q.jobs[0]
			q.jobs = q.jobs[1:]
			return job
		case q.stopped && len(q.jobs) == 0:
			return nil
		}
		q.wake.Wait()
	}
}
