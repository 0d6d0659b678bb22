// Package acceptqueue stands between a listener that lets connections through their
// handshake and the caller of Accept. It bounds the connections on that way.
package acceptqueue

import (
	"errors"
	"sync"
)

// Limit is the number of connections that are in their handshake or wait for
// Accept.
const Limit = 256

var (
	// ErrFull says that there are as many connections as may wait.
	ErrFull = errors.New("too many connections wait to be accepted")
	// ErrClosed says that the listener takes no more connections.
	ErrClosed = errors.New("closed")
)

// Queue holds connections until they are accepted. A connection reserves its place
// before the handshake, so that a full queue refuses it at once, and Put never
// blocks.
type Queue[C any] struct {
	slots   chan struct{} // one for each place that is taken
	waiting chan C
	pending sync.WaitGroup // one for each place that is reserved

	mu     sync.Mutex
	failed chan struct{} // closed by Fail
	err    error         // set before that
}

// New returns an empty queue.
func New[C any]() *Queue[C] {
	return &Queue[C]{
		slots:   make(chan struct{}, Limit),
		waiting: make(chan C, Limit),
		failed:  make(chan struct{}),
	}
}

// Reserve takes a place for a connection whose handshake begins; Put or Release has
// to follow. The error is ErrFull, or ErrClosed after Fail.
func (q *Queue[C]) Reserve() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return ErrClosed
	}
	select {
	case q.slots <- struct{}{}:
		q.pending.Add(1)
		return nil
	default:
		return ErrFull
	}
}

// Put gives the reserved place to a connection that has completed its handshake.
func (q *Queue[C]) Put(conn C) {
	q.waiting <- conn
	q.pending.Done()
}

// Release gives a reserved place back: the handshake has failed.
func (q *Queue[C]) Release() {
	<-q.slots
	q.pending.Done()
}

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

// Closed reports whether Fail was called.
func (q *Queue[C]) Closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err != nil
}

// Drain is called after Fail. It waits for the handshakes that are under way, and
// closes the connections that nobody has accepted, all at once.
func (q *Queue[C]) Drain(closeConn func(C)) {
	q.pending.Wait()
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
