package wstransport

import (
	"time"

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
	t.ping.Sent()
	if t.receiver != nil || t.shared.PingDelay == 0 {
		_ = t.queue.Put(f) // the owner is told of errors
		return
	}
	time.AfterFunc(t.shared.PingDelay, func() { _ = t.queue.Put(f) })
}
