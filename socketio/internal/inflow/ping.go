package inflow

import (
	"sync/atomic"
	"time"
)

// Ping tells whether the engine socket's last ping is without a pong. Only then a
// transport makes up a pong for a client that is held back: a pong too many would put off
// the next ping, again and again, and a client that gets no pings gives the server up.
// In revision 3, where clients ping, nobody asks.
// The zero value is ready. All methods may be called at once.
type Ping struct{ sent atomic.Pointer[time.Time] } // nil: none, or it was answered

// Sent notes a ping.
func (p *Ping) Sent() { p.sent.Store(new(time.Now())) }

// Answered notes a pong.
func (p *Ping) Answered() { p.sent.Store(nil) }

// settled is how long the library's engine socket takes at most, when its ping has been
// sent, until it waits for the pong.
const settled = 5 * time.Millisecond

// Take tells whether a pong may be made up now. It does so once for each ping.
func (p *Ping) Take() bool {
	sent := p.sent.Load()
	return sent != nil && time.Since(*sent) >= settled && p.sent.CompareAndSwap(sent, nil)
}
