package wstransport

import (
	"os"
	"runtime"
	"time"

	"github.com/socketmesh/mesh/socketio/internal/lookout"
	"github.com/socketmesh/mesh/socketio/internal/wheel"
)

var (
	_ lookout.Watcher = (*Transport)(nil)
	_ wheel.Bell      = (*Transport)(nil)
)

// look has the connection watched, so that it needs no goroutine while it is idle.
// It reports false where that cannot be done.
func (t *Transport) look() bool {
	if t.raw == nil {
		return false
	}
	t.heard.Store(int64(t.port.Clock.Now()))
	if err := t.port.Lookout.Watch(&t.watch, t.raw, t); err != nil {
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
	t.port.Clock.Stop(&t.timer)
}

// Ready is the lookout's: there may be something to read.
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
		t.heard.Store(int64(t.port.Clock.Now()))
		if n == bufferSize { // there is more; others have been waiting
			runtime.Gosched()
		}
	}
}

// Released is the lookout's: from here on the connection is read as others are.
func (t *Transport) Released() { t.read() }

// remind sets the timer, unless the connection is not watched any more.
func (t *Transport) remind(d time.Duration) {
	t.port.Clock.Set(&t.timer, d)
	if t.watch.Stopped() {
		t.port.Clock.Stop(&t.timer)
	}
}

// Ring is the timer's: the client may have said nothing for too long.
func (t *Transport) Ring() {
	if t.held() { // it is we who do not listen
		t.remind(t.idle)
		return
	}
	silence := t.port.Clock.Now() - time.Duration(t.heard.Load())
	if silence < t.idle {
		t.remind(t.idle - silence)
		return
	}
	go t.drop(os.ErrDeadlineExceeded) // whose listeners may take their time
}
