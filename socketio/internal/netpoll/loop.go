package netpoll

import (
	"runtime"
	"sync"
)

// Workers that wait for more to do have stacks that have grown already. As many are
// kept as may be needed at once while many clients connect, and each uses so much of
// its stack all the time that the collector does not take half of it away, which
// would have to be grown again for the next connection.
const (
	maxIdle = 64
	inUse   = 8 << 10 // bytes; more than a quarter of what reading takes
)

// loop is a poller while it runs: what the system needs for it, a goroutine that
// sees what is ready, and workers who read.
type loop struct {
	poller *Poller
	ready  *readiness
	work   chan *Registration // to idle workers; closed at the end
	idle   chan struct{}

	mu      sync.Mutex
	slots   []*Registration
	free    []uint32
	numbers uint32
}

func newLoop(l *Poller) (*loop, error) {
	ready, err := openReadiness()
	if err != nil {
		return nil, err
	}
	p := &loop{poller: l, ready: ready, work: make(chan *Registration), idle: make(chan struct{}, maxIdle)}
	go p.look()
	return p, nil
}

// add gives the watch a slot, and a number that tells it from others that had the
// same slot.
func (p *loop) add(w *Registration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.numbers++
	w.number = p.numbers
	if n := len(p.free); n > 0 {
		w.slot = p.free[n-1]
		p.free = p.free[:n-1]
		p.slots[w.slot] = w
		return
	}
	w.slot = uint32(len(p.slots))
	p.slots = append(p.slots, w)
}

// remove takes the slot back, and tells whether it was the last.
func (p *loop) remove(w *Registration) (last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[w.slot] = nil
	p.free = append(p.free, w.slot)
	return len(p.free) == len(p.slots)
}

func (p *loop) at(slot, number uint32) *Registration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.slots[slot]; w != nil && w.number == number {
		return w
	}
	return nil
}

// look sends workers to what is ready, until the loop is closed.
func (p *loop) look() {
	defer close(p.work)
	for p.ready.wait(p.found) {
	}
}

// found is told of one.
func (p *loop) found(slot, number uint32) {
	w := p.at(slot, number)
	if w == nil || !w.call() {
		return
	}
	select {
	case p.work <- w:
	default:
		go p.worker(w)
	}
}

// worker attends to a watch, and then waits for more unless enough others do.
func (p *loop) worker(w *Registration) {
	var room [inUse]byte
	defer runtime.KeepAlive(&room)
	for ok := true; ok; {
		w.attend()
		select {
		case p.idle <- struct{}{}:
			w, ok = <-p.work
			<-p.idle
		default:
			return
		}
	}
}
