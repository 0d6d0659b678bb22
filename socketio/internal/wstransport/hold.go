package wstransport

import (
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/inflow"
)

// A client that is ahead of its handlers is not read from until they have caught up, see
// [inflow]. Its pongs, or in revision 3 its pings, are behind what is not read. So the
// engine socket gets simulated ones meanwhile, unless the operating system says that the
// client has gone: then the timeout of the pong passes as usual.

// SetFlow lets the transport hold its client back.
func (t *Transport) SetFlow(f *inflow.Flow) { t.flow.Store(f) }

// held reports whether the client is held back.
func (t *Transport) held() bool {
	f := t.flow.Load()
	return f != nil && f.Held()
}

// heldBack reports whether reading has to stop, until [Transport.resume] is called.
func (t *Transport) heldBack() bool {
	f := t.flow.Load()
	if f == nil || !f.Ahead() || t.state.Load() != &stateOpen || !f.Hold(t.resume) {
		return false
	}
	t.mu.Lock()
	first := t.beat == nil
	if first {
		t.beat = time.AfterFunc(t.shared.HeldBeat, t.onHeldBeat)
	}
	t.mu.Unlock()
	if first {
		t.feignHeartbeat()
	}
	return true
}

// park reports whether reading has to stop. The calling goroutine then ends.
func (t *Transport) park() bool {
	if f := t.flow.Load(); f == nil || !f.Ahead() {
		return false
	}
	t.parked.Store(true)
	if !t.heldBack() || t.state.Load() != &stateOpen {
		// If resume was called meanwhile, another goroutine reads.
		return !t.parked.CompareAndSwap(true, false)
	}
	return true
}

// unpark starts a goroutine that reads a parked connection.
func (t *Transport) unpark() bool {
	parked := t.parked.CompareAndSwap(true, false)
	if parked {
		go t.read()
	}
	return parked
}

// resume is called when the client's handlers have caught up.
func (t *Transport) resume() {
	t.heard.Store(int64(t.shared.Clock.Now()))
	t.mu.Lock()
	if t.beat != nil {
		t.beat.Stop()
		t.beat = nil
	}
	t.mu.Unlock()
	t.feignHeartbeat() // from here on the client gets its full time to answer
	if !t.unpark() {
		t.registration.Wake()
	}
}

// onHeldBeat is called by a timer while the client is held back.
func (t *Transport) onHeldBeat() {
	if t.state.Load() != &stateOpen || peerGone(t.conn) {
		return
	}
	held := t.held()
	if held {
		t.feignHeartbeat()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.beat == nil:
	case held:
		t.beat.Reset(t.shared.HeldBeat)
	default: // it was resumed before the timer was set
		t.beat = nil
	}
}

// feignHeartbeat simulates the heartbeat that may be among what is not read: the pong that
// the engine socket waits for, or in revision 3 a ping, which it answers, as the client
// expects.
func (t *Transport) feignHeartbeat() {
	if t.state.Load() != &stateOpen {
		return
	}
	kind := packet.PONG
	if t.Protocol() == 3 {
		kind = packet.PING
	} else if !t.flow.Load().Ping.Take() {
		return
	}
	t.OnPacket(&packet.Packet{Type: kind, Data: types.NewStringBuffer(nil)})
}
