// Package netpoll waits until any of many connections has something to read. A connection
// that waits has no goroutine and no stack, which are most of the memory of an idle
// connection otherwise.
package netpoll

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
)

// Handler reads one connection.
type Handler interface {
	// Ready reports that there may be something to read. It has to read all of it without
	// waiting for more. Calls do not overlap, and run on goroutines that may block.
	Ready()
	// Released reports, once, that the registration has been stopped and Ready will not be
	// called any more. It may block, too.
	Released()
}

// Registration is one connection that a [Poller] watches. The zero Registration is not
// registered. It can be used once.
type Registration struct {
	handler Handler
	loop    *loop
	slot    uint32
	number  uint32
	state   atomic.Uint32
}

// States of a registration.
const (
	unset  uint32 = iota
	quiet         // no event is being handled
	called        // Ready is called
	again         // Ready is called, and there was another event
	stopped
)

// Poller watches registered connections. The zero Poller is ready. It runs only while there
// are registrations.
type Poller struct {
	mu   sync.Mutex
	loop *loop
}

// ErrUnsupported says that there is no poller for this system.
var ErrUnsupported = errors.New("poller: not on this system")

// Register makes the poller watch a connection and call handler, at once if there is
// something to read already.
func (p *Poller) Register(r *Registration, conn syscall.RawConn, handler Handler) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loop == nil {
		var err error
		if p.loop, err = newLoop(p); err != nil {
			return err
		}
	}
	r.handler, r.loop = handler, p.loop
	r.state.Store(quiet)
	p.loop.add(r)
	err := p.loop.register(r, conn)
	if err == nil || !r.state.CompareAndSwap(quiet, unset) {
		return nil // or it has been stopped meanwhile, which is no error
	}
	p.remove(r)
	return err
}

// Stop ends the registration, if there is one. It is idempotent and safe for concurrent
// use.
func (r *Registration) Stop() {
	for {
		before := r.state.Load()
		if before == unset || before == stopped {
			return
		}
		if !r.state.CompareAndSwap(before, stopped) {
			continue
		}
		r.loop.poller.mu.Lock()
		r.loop.poller.remove(r)
		r.loop.poller.mu.Unlock()
		if before == quiet {
			go r.handler.Released()
		}
		return
	}
}

// Wake calls the handler as if there were something to read. It has no effect on a
// registration that has been stopped, or never existed.
func (r *Registration) Wake() {
	if r.call() {
		go r.loop.worker(r)
	}
}

// Busy reports whether the handler is being called, or is about to be.
func (r *Registration) Busy() bool {
	state := r.state.Load()
	return state == called || state == again
}

// Stopped reports whether the registration has been stopped.
func (r *Registration) Stopped() bool { return r.state.Load() == stopped }

// remove removes a registration. Without registrations it closes the loop.
func (p *Poller) remove(r *Registration) {
	if !r.loop.remove(r) {
		return
	}
	if p.loop == r.loop {
		p.loop = nil
	}
	r.loop.close()
}

// call notes that there is something to read, and reports whether a worker has to call the
// handler.
func (r *Registration) call() bool {
	for {
		switch r.state.Load() {
		case quiet:
			if r.state.CompareAndSwap(quiet, called) {
				return true
			}
		case called:
			if r.state.CompareAndSwap(called, again) {
				return false
			}
		default:
			return false
		}
	}
}

// attend calls the handler until there is nothing more to read.
func (r *Registration) attend() {
	for {
		r.handler.Ready()
		switch {
		case r.state.CompareAndSwap(called, quiet):
			return
		case r.state.CompareAndSwap(again, called):
		default:
			r.handler.Released()
			return
		}
	}
}
