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
	// Released tells, once, that the registration has been stopped and Ready is not
	// called any more. It may block, too.
	Released()
}

// Registration is one connection that a [Poller] waits for. The zero Registration has
// never been registered. It is used once.
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
	quiet         // waiting
	called        // the handler reads
	again         // it reads, and there is more
	stopped
)

// Poller waits for registered connections. The zero Poller is ready. It runs only
// while there are any.
type Poller struct {
	mu   sync.Mutex
	loop *loop
}

// ErrUnsupported: there is no poller for this system.
var ErrUnsupported = errors.New("poller: not on this system")

// Register makes the poller wait for a connection, and call handler: at once, if there
// is something to read already.
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
		return nil // in the latter case it has been stopped meanwhile
	}
	p.remove(r)
	return err
}

// Stop ends the registration, if there is one. It may be called by anyone, and again.
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

// Wake has the handler called as if there were something to read. It has no effect on
// a registration that has been stopped, or never was.
func (r *Registration) Wake() {
	if r.call() {
		go r.loop.worker(r)
	}
}

// Busy tells whether the handler is called, or about to be.
func (r *Registration) Busy() bool {
	state := r.state.Load()
	return state == called || state == again
}

// Stopped tells whether the registration has been stopped.
func (r *Registration) Stopped() bool { return r.state.Load() == stopped }

// remove removes a registration. The last one closes the loop.
func (p *Poller) remove(r *Registration) {
	if !r.loop.remove(r) {
		return
	}
	if p.loop == r.loop {
		p.loop = nil
	}
	r.loop.close()
}

// call notes that there is something to read, and tells whether a worker has to call the
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

// attend has the handler read until there is no more.
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
