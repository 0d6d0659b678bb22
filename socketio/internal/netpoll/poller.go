// Package netpoll waits for many connections at once to have something to read. A
// connection that waits has no goroutine and no stack, which is most of what an
// idle one would take otherwise.
package netpoll

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
)

// Handler is a connection's reader.
type Handler interface {
	// Ready tells that there may be something to read: all of it has to be read
	// without waiting. Calls come one after the other, on goroutines that may
	// block.
	Ready()
	// Released tells, once, that the watch has been stopped and Ready is not
	// called any more. It may block, too.
	Released()
}

// Registration is one connection that is waited for. The zero Registration is one that never
// was.
type Registration struct {
	watcher Handler
	loop    *loop
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

// Poller watches connections. The zero Poller is ready. It runs only while there
// are any.
type Poller struct {
	mu   sync.Mutex
	loop *loop
}

// ErrUnsupported: on this system, connections cannot be watched.
var ErrUnsupported = errors.New("poller: not on this system")

// Watch begins to watch a connection for its watcher, who hears of what is there
// already. A Registration is used once.
func (l *Poller) Watch(w *Registration, conn syscall.RawConn, watcher Handler) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loop == nil {
		var err error
		if l.loop, err = newLoop(l); err != nil {
			return err
		}
	}
	w.watcher, w.loop = watcher, l.loop
	w.state.Store(quiet)
	l.loop.add(w)
	err := l.loop.register(w, conn)
	if err == nil || !w.state.CompareAndSwap(quiet, unset) {
		return nil // in the latter case it has been stopped meanwhile
	}
	l.remove(w)
	return err
}

// Stop ends the watch, if there is one.
func (w *Registration) Stop() {
	for {
		before := w.state.Load()
		if before == unset || before == stopped {
			return
		}
		if !w.state.CompareAndSwap(before, stopped) {
			continue
		}
		w.loop.poller.mu.Lock()
		w.loop.poller.remove(w)
		w.loop.poller.mu.Unlock()
		if before == quiet {
			go w.watcher.Released()
		}
		return
	}
}

// Wake has the watcher called as if there were something to read. It has no effect on a
// watch that is not running.
func (w *Registration) Wake() {
	if w.call() {
		go w.loop.worker(w)
	}
}

// Stopped tells whether the watch has been stopped.
func (w *Registration) Stopped() bool { return w.state.Load() == stopped }

// remove forgets a watch. The last one closes the loop.
func (l *Poller) remove(w *Registration) {
	if !w.loop.remove(w) {
		return
	}
	if l.loop == w.loop {
		l.loop = nil
	}
	w.loop.close()
}

// call notes that there is something to read, and tells whether somebody has to be
// sent.
func (w *Registration) call() bool {
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
func (w *Registration) attend() {
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
