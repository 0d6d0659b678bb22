// Package lookout waits for many connections at once to have something to read. A
// connection that waits has no goroutine and no stack, which is most of what an
// idle one would take otherwise.
package lookout

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
)

// Watcher is a connection's reader.
type Watcher interface {
	// Ready tells that there may be something to read: all of it has to be read
	// without waiting. Calls come one after the other, on goroutines that may
	// block.
	Ready()
	// Released tells, once, that the watch has been stopped and Ready is not
	// called any more. It may block, too.
	Released()
}

// Watch is one connection that is waited for. The zero Watch is one that never
// was.
type Watch struct {
	watcher Watcher
	post    *post
	slot    uint32
	number  uint32
	state   atomic.Uint32
}

// States of a watch.
const (
	unset  uint32 = iota
	quiet         // waiting
	called        // the watcher reads
	again         // it reads, and there is more
	stopped
)

// Lookout watches connections. The zero Lookout is ready. It runs only while there
// are any.
type Lookout struct {
	mu   sync.Mutex
	post *post
}

// ErrUnsupported: on this system, connections cannot be watched.
var ErrUnsupported = errors.New("lookout: not on this system")

// Watch begins to watch a connection for its watcher, who hears of what is there
// already. A Watch is used once.
func (l *Lookout) Watch(w *Watch, conn syscall.RawConn, watcher Watcher) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.post == nil {
		var err error
		if l.post, err = newPost(l); err != nil {
			return err
		}
	}
	w.watcher, w.post = watcher, l.post
	w.state.Store(quiet)
	l.post.add(w)
	err := l.post.register(w, conn)
	if err == nil || !w.state.CompareAndSwap(quiet, unset) {
		return nil // in the latter case it has been stopped meanwhile
	}
	l.remove(w)
	return err
}

// Stop ends the watch, if there is one.
func (w *Watch) Stop() {
	for {
		before := w.state.Load()
		if before == unset || before == stopped {
			return
		}
		if !w.state.CompareAndSwap(before, stopped) {
			continue
		}
		w.post.lookout.mu.Lock()
		w.post.lookout.remove(w)
		w.post.lookout.mu.Unlock()
		if before == quiet {
			go w.watcher.Released()
		}
		return
	}
}

// Wake has the watcher called as if there were something to read. It has no effect on a
// watch that is not running.
func (w *Watch) Wake() {
	if w.call() {
		go w.post.worker(w)
	}
}

// Stopped tells whether the watch has been stopped.
func (w *Watch) Stopped() bool { return w.state.Load() == stopped }

// remove forgets a watch. The last one closes the post.
func (l *Lookout) remove(w *Watch) {
	if !w.post.remove(w) {
		return
	}
	if l.post == w.post {
		l.post = nil
	}
	w.post.close()
}

// call notes that there is something to read, and tells whether somebody has to be
// sent.
func (w *Watch) call() bool {
	for {
		switch w.state.Load() {
		case quiet:
			if w.state.CompareAndSwap(quiet, called) {
				return true
			}
		case called:
			if w.state.CompareAndSwap(called, again) {
				return false
			}
		default:
			return false
		}
	}
}

// attend has the watcher read until there is no more.
func (w *Watch) attend() {
	for {
		w.watcher.Ready()
		switch {
		case w.state.CompareAndSwap(called, quiet):
			return
		case w.state.CompareAndSwap(again, called):
		default:
			w.watcher.Released()
			return
		}
	}
}
