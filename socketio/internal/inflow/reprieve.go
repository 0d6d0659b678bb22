package inflow

import (
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
)

// Reprieve is for a client of the library's engine socket, which gives up who has not
// answered a ping, whether the server had the time to read or not. Shortly before, the
// Reprieve looks whose fault that is. If it is the server's, the client is given a pong: the
// next ping will tell. (A session asks when its own time is over.) It outlives a client by as
// much as a ping may take, and does nothing then.
type Reprieve struct {
	Clock   *timingwheel.Wheel
	Timeout time.Duration // that a client has for its pong

	// Late is how late the process was, all together, up to now. Unread tells whether
	// something of the client is still to be read. Pong makes up a pong, if one is missing
	// and the client is there; it may block.
	Late   func() time.Duration
	Unread func() bool
	Pong   func()

	timer timingwheel.Timer
	late  atomic.Int64 // when the ping was sent
}

// Sent notes that a ping is on its way.
func (r *Reprieve) Sent() {
	r.late.Store(int64(r.Late()))
	r.timer.Handler = r
	r.Clock.Set(&r.timer, r.Timeout-r.Timeout/10)
}

// Expire is the clock's.
func (r *Reprieve) Expire() {
	if r.Late() > time.Duration(r.late.Load()) || r.Unread() {
		go r.Pong()
	}
}
