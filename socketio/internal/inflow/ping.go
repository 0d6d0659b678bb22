package inflow

import (
	"sync/atomic"
	"time"
)

// Ping remembers whether the engine socket's last ping still waits for its pong. Only then
// does a transport simulate a pong for a client that is held back: an additional pong would
// postpone the next ping, again and again, and a client that gets no pings closes the
// connection. In revision 3, where clients ping, this is not used. The zero value is ready.
// All methods are safe for concurrent use.
type Ping struct{ sent atomic.Pointer[time.Time] } // when the ping was sent; nil: there was none, or it is answered

// Sent notes a ping.
func (p *Ping) Sent() { p.sent.Store(new(time.Now())) }

// Answered notes a pong.
func (p *Ping) Answered() { p.sent.Store(nil) }

// settled is the longest time that the library's engine socket needs, after its ping was
// sent, before it waits for the pong.
const settled = 5 * time.Millisecond

// Take reports whether to simulate a pong now. It returns true once for each ping.
func (p *Ping) Take() bool {
	sent := p.sent.Load()
	return sent != nil && time.Since(*sent) >= settled && p.sent.CompareAndSwap(sent, nil)
}
