package inflow

import (
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
)

// Reprieve protects a client of the library's engine socket, which closes a client that has
// not answered a ping even if the server had no time to read. Shortly before that, the
// Reprieve checks whether the server was late. If so, it simulates a pong, and the next
// ping decides. (A session checks this itself when its timeout is over.) A Reprieve may
// expire after its client has gone, and does nothing then.
type Reprieve struct {
	Clock   *timingwheel.Wheel
	Timeout time.Duration // a client's time for its pong

	// Late returns how late the process was in total, so far. Unread reports whether the
	// client has sent something that is not read yet. Pong simulates a pong, if one is
	// missing and the client is connected; it may block.
	Late   func() time.Duration
	Unread func() bool
	Pong   func()

	timer timingwheel.Timer
	late  atomic.Int64 // Late when the ping was sent
}

// Sent notes that a ping was sent.
func (r *Reprieve) Sent() {
	r.late.Store(int64(r.Late()))
	if r.timer.Handler == nil { // the clock may be reading that of the ping before
		r.timer.Handler = r
	}
	r.Clock.Set(&r.timer, r.Timeout-r.Timeout/10)
}

// Expire is called by the clock.
func (r *Reprieve) Expire() {
	if r.Late() > time.Duration(r.late.Load()) || r.Unread() {
		go r.Pong()
	}
}
