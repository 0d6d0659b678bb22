package node

import (
	"slices"
	"sync"
	"time"
)

// interestAnnouncer sends the updates of all namespaces. While updates are being written,
// further changes accumulate, so that peers get them in one frame.
type interestAnnouncer struct {
	drained  <-chan struct{} // closed when the node has sent what it could
	wakeups  chan struct{}
	underWay []<-chan struct{} // closed when the frames of the last updates are written; used by run alone

	mu    sync.Mutex
	dirty []*interest
	calls deferred // calls of observers that came up while a host reported rooms
}

// maxAnnounceWait is how long a slow peer may delay the next updates to all peers, and
// namespacesAtOnce in how many namespaces.
const (
	maxAnnounceWait  = 5 * time.Millisecond
	namespacesAtOnce = 1 << 8
)

// add asks for the changes of a namespace to be sent. It is called when the namespace
// becomes dirty.
func (a *interestAnnouncer) add(in *interest) {
	a.mu.Lock()
	a.dirty = append(a.dirty, in)
	a.mu.Unlock()
	a.wake()
}

// call runs deferred calls on the announcer's goroutine.
func (a *interestAnnouncer) call(later deferred) {
	if len(later.calls) == 0 {
		return
	}
	a.mu.Lock()
	a.calls.calls = append(a.calls.calls, later.calls...)
	a.mu.Unlock()
	a.wake()
}

func (a *interestAnnouncer) wake() {
	select {
	case a.wakeups <- struct{}{}:
	default:
	}
}

// take returns what was added since the last call, and keeps spare for reuse.
func (a *interestAnnouncer) take(spare []*interest) ([]*interest, deferred) {
	clear(spare)
	a.mu.Lock()
	defer a.mu.Unlock()
	dirty, calls := a.dirty, a.calls
	a.dirty, a.calls = spare[:0], deferred{}
	return dirty, calls
}

// run sends updates until the node has drained its queues.
func (a *interestAnnouncer) run() {
	timer := time.NewTimer(maxAnnounceWait)
	defer timer.Stop()
	var dirty []*interest
	for {
		select {
		case <-a.wakeups:
		case <-a.drained:
			return
		}
		var calls deferred
		dirty, calls = a.take(dirty)
		calls.run()
		for some := range slices.Chunk(dirty, namespacesAtOnce) {
			if !a.send(some, timer) {
				return
			}
		}
	}
}

// send sends the updates of some namespaces and waits until they are written, but no
// longer than maxAnnounceWait. It reports false if the node has drained its queues.
func (a *interestAnnouncer) send(dirty []*interest, timer *time.Timer) bool {
	underWay := a.underWay[:0]
	for _, in := range dirty {
		var later deferred
		f := in.flush(&later)
		later.run()
		if f != nil {
			underWay = append(underWay, f.watch())
			f.release()
		}
	}
	a.underWay = underWay
	timer.Reset(maxAnnounceWait)
	for _, written := range underWay {
		select {
		case <-written:
		case <-timer.C:
			return true
		case <-a.drained:
			return false
		}
	}
	return true
}
