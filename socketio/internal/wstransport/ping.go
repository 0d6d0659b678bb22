package wstransport

import (
	"time"

	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// An engine socket of the library begins to wait for the pong only after its ping was sent.
// It misses a pong that comes before that, and closes the client. So its pings are sent a
// moment later. A session begins to wait first.

// PingDelay returns for how long pings are held back, if a client has timeout to answer
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
		_ = t.queue.Put(f) // the queue reports errors to its owner
		return
	}
	time.AfterFunc(t.shared.PingDelay, func() { _ = t.queue.Put(f) })
}

// watchPong keeps the engine socket from closing the client because the server is late.
// Calls do not overlap: a ping is sent when the last one was answered.
func (t *Transport) watchPong() {
	if t.reprieve == nil {
		t.reprieve = &inflow.Reprieve{
			Clock: t.shared.Clock, Timeout: t.shared.PingTimeout, Late: t.shared.Clock.Late, Unread: t.Unread, Pong: t.makeUpPong,
		}
	}
	t.reprieve.Sent()
}

// makeUpPong gives the engine socket the pong that the server has not read in time.
func (t *Transport) makeUpPong() {
	if t.flow.Load() != nil {
		t.feignHeartbeat()
	}
}
