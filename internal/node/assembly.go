package node

import (
	"sync"

	"github.com/socketmesh/mesh/core"
)

// assembly bounds the memory of large frames that are being received, of all peers
// together. Who does not fit waits, in turn, and is not read from meanwhile; a single one
// always fits. Small frames are not asked about.
type assembly struct {
	limit int

	mu      sync.Mutex
	used    int
	waiting []*waitingFrame
}

type waitingFrame struct {
	bytes    int
	admitted chan struct{} // closed when it fits
}

// acquire waits until so many bytes fit. It reports false if stop is closed before.
func (a *assembly) acquire(bytes int, stop <-chan struct{}) bool {
	a.mu.Lock()
	w := &waitingFrame{bytes, make(chan struct{})}
	a.waiting = append(a.waiting, w)
	a.admit()
	a.mu.Unlock()
	select {
	case <-w.admitted:
		return true
	case <-stop:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-w.admitted:
		return true
	default:
	}
	for i, other := range a.waiting {
		if other == w {
			a.waiting = append(a.waiting[:i], a.waiting[i+1:]...)
			break
		}
	}
	a.admit() // those behind it may fit
	return false
}

func (a *assembly) release(bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used -= bytes
	a.admit()
}

// admit lets those begin that have waited for longest; a.mu is held.
func (a *assembly) admit() {
	for len(a.waiting) > 0 && (a.used == 0 || a.used+a.waiting[0].bytes <= a.limit) {
		a.used += a.waiting[0].bytes
		close(a.waiting[0].admitted)
		a.waiting = a.waiting[1:]
	}
}

// admit is asked by the connection before it holds a large frame. While it waits nobody
// takes the link for silent: it is this node that does not read.
func (s *stream) admit(bytes int) error {
	l := s.link
	l.dispatching.Add(1)
	admitted := l.peer.node.assembly.acquire(bytes, l.stop)
	l.alive()
	l.dispatching.Add(-1)
	if !admitted {
		return core.ErrClosed
	}
	s.assembling += bytes
	return nil
}

// assembled gives back what the frame took that was received last. It is handed over by
// now, or held up by its listeners, for which there is another bound.
func (s *stream) assembled() {
	if s.assembling > 0 {
		s.link.peer.node.assembly.release(s.assembling)
		s.assembling = 0
	}
}
