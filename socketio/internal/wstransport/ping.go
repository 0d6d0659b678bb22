package wstransport

import (
	"time"

	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// An engine socket of the library begins to wait for the pong only when its ping is
// on the way. It never hears of one that was faster, and gives the client up. So its
// pings set out a moment later. A session begins to wait first.

// PingDelay is for how long pings are held back, if a client has timeout to answer
// them.
func PingDelay(timeout time.Duration) time.Duration {
	return min(timeout/20, 250*time.Millisecond)
}

// putPing puts a ping into the queue.
func (t *Transport) putPing(f *sendqueue.Frame) {
	if flow := t.flow.Load(); flow != nil {
		flow.Ping.Sent()
	}
	if t.receiver == nil {
		t.watchPong()
	}
	if t.receiver != nil || t.shared.PingDelay == 0 {
		_ = t.queue.Put(f) // the owner is told of errors
		return
	}
	time.AfterFunc(t.shared.PingDelay, func() { _ = t.queue.Put(f) })
}

// watchPong sees that the engine socket does not give the client up because the server is late.
// Calls come one after the other: a ping is sent when the last one was answered.
func (t *Transport) watchPong() {
	if t.reprieve == nil {
		t.reprieve = &inflow.Reprieve{
			Clock: t.shared.Clock, Timeout: t.shared.PingTimeout, Late: t.shared.Clock.Late, Unread: t.Unread, Pong: t.makeUpPong,
		}
	}
	t.reprieve.Sent()
}

// makeUpPong gives the engine socket the pong that the server has not come to read.
func (t *Transport) makeUpPong() {
	if t.flow.Load() != nil {
		t.feignHeartbeat()
	}
}
