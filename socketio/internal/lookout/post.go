package lookout

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

// post is a lookout while it runs: what the system needs for it, a goroutine that
// sees what is ready, and workers who read.
type post struct {
	lookout *Lookout
	ready   *readiness
	work    chan *Watch // to idle workers; closed at the end
	idle    chan struct{}

	mu      sync.Mutex
	slots   []*Watch
	free    []uint32
	numbers uint32
}

func newPost(l *Lookout) (*post, error) {
	ready, err := openReadiness()
	if err != nil {
		return nil, err
	}
	p := &post{lookout: l, ready: ready, work: make(chan *Watch), idle: make(chan struct{}, maxIdle)}
	go p.look()
	return p, nil
}

// add gives the watch a slot, and a number that tells it from others that had the
// same slot.
func (p *post) add(w *Watch) {
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
func (p *post) remove(w *Watch) (last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[w.slot] = nil
	p.free = append(p.free, w.slot)
	return len(p.free) == len(p.slots)
}

func (p *post) at(slot, number uint32) *Watch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.slots[slot]; w != nil && w.number == number {
		return w
	}
	return nil
}

// look sends workers to what is ready, until the post is closed.
func (p *post) look() {
	defer close(p.work)
	for p.ready.wait(p.found) {
	}
}

// found is told of one.
func (p *post) found(slot, number uint32) {
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
func (p *post) worker(w *Watch) {
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
