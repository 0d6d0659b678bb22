package wstransport

import (
	"os"
	"runtime"
	"time"

	"github.com/socketmesh/mesh/socketio/internal/netpoll"
	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
)

var (
	_ netpoll.Handler     = (*Transport)(nil)
	_ timingwheel.Handler = (*Transport)(nil)
)

// poll registers the connection with the poller, so that it needs no goroutine while it is
// idle. It returns false if there is no poller.
func (t *Transport) poll() bool {
	if t.raw == nil {
		return false
	}
	t.heard.Store(int64(t.shared.Clock.Now()))
	if err := t.shared.Poller.Register(&t.registration, t.raw, t); err != nil {
		return false // if the connection has broken, the next read reports it
	}
	if t.idle > 0 {
		t.setIdleTimer(t.idle)
	}
	if t.state.Load() != &stateOpen { // it has been closed before it was registered
		t.stopPolling()
	}
	return true
}

// stopPolling undoes poll. It is idempotent. From now on a goroutine waits for what there
// is to read, even if that is only the connection's end.
func (t *Transport) stopPolling() {
	t.registration.Stop()
	t.shared.Clock.Stop(&t.timer)
}

// Ready is called by the poller: there may be something to read.
func (t *Transport) Ready() {
	for !t.heldBack() {
		n, err := t.readReady(false)
		if err != nil {
			t.ended(err)
			return
		}
		if n == 0 {
			return
		}
		t.heard.Store(int64(t.shared.Clock.Now()))
		if n == bufferSize { // there is more, but other connections wait for a processor
			runtime.Gosched()
		}
	}
}

// Released is called by the poller after the last Ready: from here on a goroutine reads.
func (t *Transport) Released() { t.read() }

// setIdleTimer sets the timer, unless the connection is not polled any more.
func (t *Transport) setIdleTimer(d time.Duration) {
	t.shared.Clock.Set(&t.timer, d)
	if t.registration.Stopped() {
		t.shared.Clock.Stop(&t.timer)
	}
}

// Expire is called by the timer: the client may have been silent for too long.
func (t *Transport) Expire() {
	if t.held() { // the server does not read
		t.setIdleTimer(t.idle)
		return
	}
	silence := t.shared.Clock.Now() - time.Duration(t.heard.Load())
	if silence < t.idle {
		t.setIdleTimer(t.idle - silence)
		return
	}
	go t.drop(os.ErrDeadlineExceeded) // listeners may take long
}
