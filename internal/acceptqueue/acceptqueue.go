// Package acceptqueue holds a listener's connections during their handshake and until
// Accept returns them. It limits their number.
package acceptqueue

import (
	"errors"
	"sync"
)

// Limit is the number of connections that are in their handshake or wait for
// Accept.
const Limit = 256

// ErrFull is the reason to refuse a connection when the queue is full.
var ErrFull = errors.New("too many connections wait to be accepted")

// Queue holds connections until they are accepted. A connection reserves its place
// before the handshake, so that a full queue refuses it at once, and Put never
// blocks.
type Queue[C any] struct {
	slots   chan struct{} // one for each place that is taken
	waiting chan C
	entered sync.WaitGroup

	mu     sync.Mutex
	failed chan struct{} // closed by Fail
	err    error         // set before failed is closed
}

// New returns an empty queue.
func New[C any]() *Queue[C] {
	return &Queue[C]{
		slots:   make(chan struct{}, Limit),
		waiting: make(chan C, Limit),
		failed:  make(chan struct{}),
	}
}

// Enter begins the work on a connection: Drain waits for it until Leave is called. Enter
// reports false after Fail: the connection is to be refused.
func (q *Queue[C]) Enter() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return false
	}
	q.entered.Add(1)
	return true
}

// Leave ends what Enter began, when the connection was put into the queue or
// refused.
func (q *Queue[C]) Leave() { q.entered.Done() }

// Reserve reserves a place for a connection whose handshake begins, and reports false if
// there is none. Put or Release has to follow, and both before Leave.
func (q *Queue[C]) Reserve() bool {
	select {
	case q.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// Put gives the reserved place to a connection that has completed its handshake.
func (q *Queue[C]) Put(conn C) { q.waiting <- conn }

// Release gives a reserved place back: the handshake has failed.
func (q *Queue[C]) Release() { <-q.slots }

// Accept waits for the next connection, or returns the error that Fail was given.
func (q *Queue[C]) Accept() (conn C, err error) {
	select {
	case <-q.failed:
		return conn, q.err
	default:
	}
	select {
	case conn = <-q.waiting:
		<-q.slots
		return conn, nil
	case <-q.failed:
		return conn, q.err
	}
}

// Fail ends accepting. Only the first error counts.
func (q *Queue[C]) Fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
		close(q.failed)
	}
}

// Drain is called after Fail. It waits for the connections that have entered, and closes
// those that were not accepted, all at the same time.
func (q *Queue[C]) Drain(closeConn func(C)) {
	q.entered.Wait()
	var closing sync.WaitGroup
	defer closing.Wait()
	for {
		select {
		case conn := <-q.waiting:
			<-q.slots
			closing.Go(func() { closeConn(conn) })
		default:
			return
		}
	}
}
