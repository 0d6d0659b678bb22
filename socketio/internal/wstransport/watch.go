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

// look has the connection watched, so that it needs no goroutine while it is idle.
// It reports false where that cannot be done.
func (t *Transport) look() bool {
	if t.raw == nil {
		return false
	}
	t.heard.Store(int64(t.shared.Clock.Now()))
	if err := t.shared.Poller.Watch(&t.watch, t.raw, t); err != nil {
		return false // if the connection has broken, reading tells so
	}
	if t.idle > 0 {
		t.remind(t.idle)
	}
	if t.state.Load() != &stateOpen { // it has been closed before it was watched
		t.unlook()
	}
	return true
}

// unlook ends that, however often it is called. What there is to read from now on,
// if only the connection's end, is waited for by a goroutine.
func (t *Transport) unlook() {
	t.watch.Stop()
	t.shared.Clock.Stop(&t.timer)
}

// Ready is the poller's: there may be something to read.
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
		if n == bufferSize { // there is more; others have been waiting
			runtime.Gosched()
		}
	}
}

// Released is the poller's: from here on the connection is read as others are.
func (t *Transport) Released() { t.read() }

// remind sets the timer, unless the connection is not watched any more.
func (t *Transport) remind(d time.Duration) {
	t.shared.Clock.Set(&t.timer, d)
	if t.watch.Stopped() {
		t.shared.Clock.Stop(&t.timer)
	}
}

// Expire is the timer's: the client may have said nothing for too long.
func (t *Transport) Expire() {
	if t.held() { // it is we who do not listen
		t.remind(t.idle)
		return
	}
	silence := t.shared.Clock.Now() - time.Duration(t.heard.Load())
	if silence < t.idle {
		t.remind(t.idle - silence)
		return
	}
	go t.drop(os.ErrDeadlineExceeded) // whose listeners may take their time
}
