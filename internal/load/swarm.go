package load

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
)

// ErrClosed is the error of calls after the swarm has ended.
var ErrClosed = errors.New("the swarm of clients has ended")

var errHungUp = errors.New("the server closed the connection")

// Swarm is the clients of one process. Its methods are safe for concurrent use; they
// block until they are done.
type Swarm struct {
	plan     Plan
	targets  []target
	clock    clock
	wire     wire
	sessions []session
	dirty    []*session // sessions with data to send
	now      int64      // when the wire was last asked

	dialler    dialler
	publishers []*publisher
	prober     prober
	beats      heartbeats
	tally      Tally
	marks      marks
	waits      histogram.Histogram // from a client's first attempt until it is in
	members    []int32             // number of members of each room, among this swarm's sessions
	wanted     int                 // number of sessions that have heard all publishers in all their rooms

	waiters []*waiter

	mu     sync.Mutex
	calls  []func()
	over   bool // the wire is closed
	done   chan struct{}
	err    error // why it ended; set before done is closed
	cancel context.CancelFunc
}

// waiter waits for a condition.
type waiter struct {
	until func() bool
	done  chan struct{}
}

// New makes the clients of a plan; [Swarm.Connect] connects them. Close ends them.
func New(plan Plan) (*Swarm, error) {
	plan = plan.withDefaults()
	if err := plan.check(); err != nil {
		return nil, err
	}
	targets, err := plan.targets()
	if err != nil {
		return nil, err
	}
	w := &Swarm{
		plan:     plan,
		targets:  targets,
		clock:    newClock(),
		sessions: make([]session, plan.Count),
		members:  make([]int32, plan.Rooms),
		done:     make(chan struct{}),
	}
	for i := range w.sessions {
		w.sessions[i].index = int32(i)
	}
	for i := range min(plan.Publishers-plan.First, plan.Count) {
		w.publishers = append(w.publishers, newPublisher(w, plan.First+i))
	}
	if w.wire, err = newWire(w, plan.Portable); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.run(ctx)
	return w, nil
}

// Close ends all connections and waits for the swarm's goroutines.
func (w *Swarm) Close() error {
	w.cancel()
	w.wake()
	<-w.done
	if errors.Is(w.err, ErrClosed) {
		return nil
	}
	return w.err
}

// run is the swarm's goroutine, to which all of its state belongs.
func (w *Swarm) run(ctx context.Context) {
	defer close(w.done)
	defer w.end()
	w.err = ErrClosed
	for ctx.Err() == nil {
		w.now = w.clock.now()
		w.takeCalls()
		next := w.dialler.step(w)
		for _, p := range w.publishers {
			next = min(next, p.step(w))
		}
		next = min(next, w.prober.step(w))
		next = min(next, w.beats.step(w))
		w.flushAll()
		w.tellWaiters()
		if err := w.wire.poll(w.untilThen(next)); err != nil {
			w.err = err
			return
		}
	}
}

// wake wakes the swarm's goroutine.
func (w *Swarm) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.wire.wake()
	}
}

func (w *Swarm) end() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.wire.close()
}

// never is a time later than any other.
const never = int64(1<<63 - 1)

// untilThen returns the time until next; negative for never.
func (w *Swarm) untilThen(next int64) time.Duration {
	if len(w.waiters) > 0 { // waiters may have a timeout
		next = min(next, w.now+int64(10*time.Millisecond))
	}
	if next == never {
		return -1
	}
	return time.Duration(max(next-w.clock.now(), 0))
}

// call runs f on the swarm's goroutine.
func (w *Swarm) call(f func()) error {
	done := make(chan struct{})
	w.mu.Lock()
	w.calls = append(w.calls, func() { f(); close(done) })
	w.mu.Unlock()
	w.wake()
	select {
	case <-done:
		return nil
	case <-w.done:
		return w.err
	}
}

func (w *Swarm) takeCalls() {
	w.mu.Lock()
	calls := w.calls
	w.calls = nil
	w.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

// wait returns true when until does, which the swarm's goroutine calls; false if that
// takes longer than the timeout.
func (w *Swarm) wait(timeout time.Duration, until func() bool) (bool, error) {
	var ok bool
	wait := &waiter{done: make(chan struct{})}
	err := w.call(func() {
		deadline := w.clock.now()
		deadline += min(int64(timeout), never-deadline)
		wait.until = func() bool {
			ok = until()
			return ok || w.now >= deadline
		}
		w.waiters = append(w.waiters, wait)
	})
	if err != nil {
		return false, err
	}
	select {
	case <-wait.done:
		return ok, nil
	case <-w.done:
		return false, w.err
	}
}

func (w *Swarm) tellWaiters() {
	left := w.waiters[:0]
	for _, waiter := range w.waiters {
		if waiter.until() {
			close(waiter.done)
		} else {
			left = append(left, waiter)
		}
	}
	clear(w.waiters[len(left):])
	w.waiters = left
}

// touch marks s, so that what it sends is flushed before the wire is polled again.
func (w *Swarm) touch(s *session) {
	if !s.dirty {
		s.dirty = true
		w.dirty = append(w.dirty, s)
	}
}

func (w *Swarm) flushAll() {
	for _, s := range w.dirty {
		if s.dirty { // its connection may have ended since
			s.dirty = false
			w.wire.flush(s)
		}
	}
	w.dirty = w.dirty[:0]
}

// target returns the server of a session.
func (w *Swarm) target(s *session) target {
	return w.targets[(w.plan.First+int(s.index))%len(w.targets)]
}

// source returns the address from which a session connects; nil for any.
func (w *Swarm) source(s *session) net.IP {
	if w.plan.Sources <= 1 {
		return nil
	}
	// Clients of the same server use the addresses in turn.
	n := 1 + (w.plan.First+int(s.index))/len(w.targets)%w.plan.Sources
	return net.IPv4(127, 0, byte(n>>8), byte(n))
}
