package node

import (
	"sync"

	"github.com/socketmesh/mesh/core"
)

// assembly limits the memory of large frames that are being received, over all links. A
// frame that does not fit waits for its turn, and its stream is not read meanwhile; a
// single frame always fits. Small frames are not counted.
type assembly struct {
	limit int

	mu      sync.Mutex
	used    int
	waiting []*waitingFrame
}

type waitingFrame struct {
	bytes    int
	admitted chan struct{} // closed when the frame fits
}

// acquire waits until a frame of so many bytes fits. It reports false if stop is closed
// before.
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
	a.admit() // the frames behind it may fit now
	return false
}

func (a *assembly) release(bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used -= bytes
	a.admit()
}

// admit admits the frames that have waited longest, as far as they fit; a.mu is held.
func (a *assembly) admit() {
	for len(a.waiting) > 0 && (a.used == 0 || a.used+a.waiting[0].bytes <= a.limit) {
		a.used += a.waiting[0].bytes
		close(a.waiting[0].admitted)
		a.waiting = a.waiting[1:]
	}
}

// admit is called by the connection before it allocates a large frame. While it waits,
// the link does not count as silent, because this node is not reading.
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

// assembled releases the memory of the frame that was received last. By now the frame was
// passed on; messages that wait for listeners have a limit of their own.
func (s *stream) assembled() {
	if s.assembling > 0 {
		s.link.peer.node.assembly.release(s.assembling)
		s.assembling = 0
	}
}
