package netpoll

import (
	"runtime"
	"sync"
)

// Idle workers are kept because their stacks have grown already. There are as many as may
// be needed at once while many clients connect. Each always uses so much of its stack that
// the garbage collector does not halve it: it would have to grow again for the next
// connection.
const (
	maxIdle = 64
	inUse   = 8 << 10 // bytes; more than a quarter of what reading takes
)

// loop is a running poller: the system's poller, a goroutine that waits for it, and workers
// that call handlers.
type loop struct {
	poller *Poller
	ready  *readiness
	work   chan *Registration // hands registrations to idle workers; closed at the end
	idle   chan struct{}

	mu      sync.Mutex
	slots   []*Registration
	free    []uint32
	numbers uint32
}

func newLoop(p *Poller) (*loop, error) {
	ready, err := openReadiness()
	if err != nil {
		return nil, err
	}
	l := &loop{poller: p, ready: ready, work: make(chan *Registration), idle: make(chan struct{}, maxIdle)}
	go l.run()
	return l, nil
}

// add gives the registration a slot, and a number that distinguishes it from earlier users
// of the slot.
func (l *loop) add(r *Registration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.numbers++
	r.number = l.numbers
	if n := len(l.free); n > 0 {
		r.slot = l.free[n-1]
		l.free = l.free[:n-1]
		l.slots[r.slot] = r
		return
	}
	r.slot = uint32(len(l.slots))
	l.slots = append(l.slots, r)
}

// remove frees the slot, and reports whether no slot is in use any more.
func (l *loop) remove(r *Registration) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[r.slot] = nil
	l.free = append(l.free, r.slot)
	return len(l.free) == len(l.slots)
}

func (l *loop) at(slot, number uint32) *Registration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.slots[slot]; r != nil && r.number == number {
		return r
	}
	return nil
}

// run calls found for each registration that is ready, until the loop is closed.
func (l *loop) run() {
	defer close(l.work)
	for l.ready.wait(l.found) {
	}
}

// found hands a registration that is ready to a worker.
func (l *loop) found(slot, number uint32) {
	r := l.at(slot, number)
	if r == nil || !r.call() {
		return
	}
	select {
	case l.work <- r:
	default:
		go l.worker(r)
	}
}

// worker attends to a registration, and then waits for another one unless enough workers
// wait.
func (l *loop) worker(r *Registration) {
	var stack [inUse]byte
	defer runtime.KeepAlive(&stack)
	for ok := true; ok; {
		r.attend()
		select {
		case l.idle <- struct{}{}:
			r, ok = <-l.work
			<-l.idle
		default:
			return
		}
	}
}
