package polling

import (
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/inflow"
)

// SetFlow lets the transport hold its client back.
func (t *Transport) SetFlow(f *inflow.Flow) { t.flow.Store(f) }

// awaitRoom returns when the client is not too far ahead of its handlers. Until then
// its request is not answered, so that it sends no other one. The engine socket is told
// meanwhile that there was a heartbeat, which would come in that one.
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
			t.pretend() // from here on the client has its time to answer
			return
		case <-over:
			return
		case <-ctx.Context().Done():
			return
		}
	}
}

// waitForRoom returns what is closed when the transport closes; nil if it has.
func (t *Transport) waitForRoom() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.ReadyState() != stateOpen {
		return nil
	}
	t.over = make(chan struct{})
	return t.over
}

// endWait lets a request go on that waits for room; mu is held.
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

// watchPong sees that the engine socket does not give the client up because the server is
// late: its pong comes in a request, which has to be accepted and read. Calls come one after
// the other, as pings do.
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

// isPosting tells whether packets of the client are being read.
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
