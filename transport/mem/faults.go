package mem

import (
	"errors"
	"time"
)

// Errors of connections and dials that meet a fault.
var (
	// ErrCut: the connection was cut by the network.
	ErrCut = errors.New("connection cut")
	// ErrReset: the other end is gone without a word.
	ErrReset = errors.New("connection reset by peer")
	// ErrRefused: nobody accepts at that address.
	ErrRefused = errors.New("connection refused")
	// ErrKilled: this process was killed.
	ErrKilled = errors.New("process killed")
)

// Partition lets whatever a and b send each other vanish, frames and goodbyes,
// while their connections stay up: they are half open. Dials between the two
// hang. What is under way already still arrives.
func (n *Network) Partition(a, b string) {
	n.bothWays(a, b, func(r *route) { r.lost = true })
}

// Hold lets whatever a and b send each other wait, as TCP does in an outage:
// nothing is lost, and buffers fill. Dials between the two hang.
func (n *Network) Hold(a, b string) {
	n.bothWays(a, b, func(r *route) { r.held = true })
}

// Heal ends what Partition and Hold began. What was held arrives. A direction of
// a connection that has lost a frame stays mute, for a connection has no gaps:
// it takes a new one.
func (n *Network) Heal(a, b string) {
	n.bothWays(a, b, func(r *route) { r.lost, r.held = false, false })
}

// Delay gives the way from a to b a latency, one way. Order is kept.
func (n *Network) Delay(a, b string, d time.Duration) {
	n.change(func() { n.routeBetween(nameOf(a), nameOf(b)).delay = d })
}

// Cut ends all connections between a and b, with [ErrCut] on both ends. What is
// under way is lost.
func (n *Network) Cut(a, b string) {
	n.CutOneSide(a, b)
	n.CutOneSide(b, a)
}

// CutOneSide ends all connections between a and b at a alone, with [ErrCut]. For
// b they stay up, and whatever it sends vanishes: they are half open.
func (n *Network) CutOneSide(a, b string) {
	a, b = nameOf(a), nameOf(b)
	n.change(func() {
		for c := range n.conns {
			if c.owner.host.name == a && c.peer.owner.host.name == b {
				c.die(ErrCut)
			}
		}
	})
}

// Refuse has dials to a host fail at once with [ErrRefused]. Its connections
// stay.
func (n *Network) Refuse(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).refusing = true })
}

// Accept ends what Refuse began.
func (n *Network) Accept(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).refusing = false })
}

// Hang stops a host's processes, as SIGSTOP does: they read nothing and send
// nothing, not even a goodbye, and what others send to them fills buffers. Dials
// from and to it hang. Close still works for who calls it on the host, so that a
// test can clean up.
func (n *Network) Hang(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).hung = true })
}

// Resume ends what Hang began.
func (n *Network) Resume(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).hung = false })
}

// Kill ends a host's processes, as SIGKILL does: its listeners are gone, and the
// other ends of its connections find them reset. Transports that the host had
// so far do not work any more; a new one stands for the process after it.
func (n *Network) Kill(host string) {
	n.change(func() {
		h := n.hostNamed(nameOf(host))
		h.life++
		h.hung = false
		for c := range n.conns {
			if c.owner.host == h {
				c.abort(ErrKilled)
			}
		}
		for _, l := range n.listeners {
			if l.owner.host == h {
				l.stop()
			}
		}
	})
}

// Reference has a host's listeners pass for those of the reference
// implementation: connections dialled to them are not native.
func (n *Network) Reference(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).reference = true })
}

// change does something to the network, and has everybody look.
func (n *Network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.wakeAll()
}

func (n *Network) bothWays(a, b string, f func(*route)) {
	a, b = nameOf(a), nameOf(b)
	n.change(func() {
		f(n.routeBetween(a, b))
		f(n.routeBetween(b, a))
	})
}
