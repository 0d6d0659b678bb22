package polling

import (
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/inflow"
)

// SetFlow lets the transport hold its client back.
func (t *Transport) SetFlow(f *inflow.Flow) { t.flow.Store(f) }

// awaitRoom returns when the client is not too far ahead of its handlers. Until then its
// request is not answered, so that it sends no other one. Meanwhile the engine socket gets
// simulated heartbeats, because the client's would come in that next request.
func (t *Transport) awaitRoom(ctx *types.HttpContext) {
	f := t.flow.Load()
	if f == nil || !f.Ahead() {
		return
	}
	over, room := t.waitForRoom(), make(chan struct{})
	if over != nil && f.Hold(func() { close(room) }) {
		t.beatUntil(room, over, ctx)
	}
}

func (t *Transport) beatUntil(room, over <-chan struct{}, ctx *types.HttpContext) {
	beat := time.NewTicker(t.env.HeldBeat)
	defer beat.Stop()
	for {
		t.pretend()
		select {
		case <-beat.C:
		case <-room:
			t.pretend() // from here on the client gets its full time to answer
			return
		case <-over:
			return
		case <-ctx.Context().Done():
			return
		}
	}
}

// waitForRoom returns a channel that is closed when the transport closes; nil if it has.
func (t *Transport) waitForRoom() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.ReadyState() != stateOpen {
		return nil
	}
	t.over = make(chan struct{})
	return t.over
}

// endWait ends the wait of a request in awaitRoom; mu is held.
func (t *Transport) endWait() {
	if t.over != nil {
		close(t.over)
		t.over = nil
	}
}

func (t *Transport) pretend() {
	kind := packet.PONG
	if t.Protocol() == 3 {
		kind = packet.PING
	} else if !t.flow.Load().Ping.Take() {
		return
	}
	t.OnPacket(&packet.Packet{Type: kind, Data: types.NewStringBuffer(nil)})
}

// watchPong keeps the engine socket from closing the client because the server is late: the
// pong comes in a request, which has to be accepted and read. Calls do not overlap, as
// pings do not.
func (t *Transport) watchPong() {
	if t.env.Clock == nil {
		return
	}
	if t.reprieve == nil {
		t.reprieve = &inflow.Reprieve{
			Clock: t.env.Clock, Timeout: t.env.PingTimeout, Late: t.env.Clock.Late, Unread: t.isPosting, Pong: t.makeUpPong,
		}
	}
	t.reprieve.Sent()
}

// isPosting reports whether packets of the client are being read.
func (t *Transport) isPosting() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.posting != nil
}

func (t *Transport) makeUpPong() {
	if t.flow.Load() != nil && t.ReadyState() == stateOpen {
		t.pretend()
	}
}
