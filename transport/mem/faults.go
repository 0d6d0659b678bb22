package mem

import (
	"errors"
	"fmt"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Errors of connections and dials that meet a fault.
var (
	// ErrCut: the connection was cut by the network.
	ErrCut = errors.New("connection cut")
	// ErrReset: the other end is gone without a reason.
	ErrReset = errors.New("connection reset by peer")
	// ErrRefused: there is no listener at that address.
	ErrRefused = fmt.Errorf("connection refused: %w", core.ErrNoListener)
	// ErrKilled: this process was killed.
	ErrKilled = errors.New("process killed")
)

// Partition drops all that a and b send each other, frames and the ends of connections,
// while their connections stay open on both ends. Dials between the two hang. What was
// sent before still arrives.
func (n *Network) Partition(a, b string) {
	n.bothWays(a, b, func(r *route) { r.lost = true })
}

// PartitionOneSide drops all that a sends to b, as Partition does; what b sends arrives.
func (n *Network) PartitionOneSide(a, b string) {
	n.change(func() { n.routeBetween(nameOf(a), nameOf(b)).lost = true })
}

// Hold delays all that a and b send each other until Heal, as TCP does in an outage:
// nothing is lost, and buffers fill. Dials between the two hang.
func (n *Network) Hold(a, b string) {
	n.bothWays(a, b, func(r *route) { r.held = true })
}

// Heal ends Partition, PartitionOneSide and Hold. What was held arrives. A connection
// that has lost a frame carries nothing more in that direction, because connections have
// no gaps.
func (n *Network) Heal(a, b string) {
	n.bothWays(a, b, func(r *route) { r.lost, r.held = false, false })
}

// Delay sets the latency from a to b, one way. Order is kept.
func (n *Network) Delay(a, b string, d time.Duration) {
	n.change(func() { n.routeBetween(nameOf(a), nameOf(b)).delay = d })
}

// Cut ends all connections between a and b, with [ErrCut] on both ends. What was sent
// and not read is lost.
func (n *Network) Cut(a, b string) {
	n.CutOneSide(a, b)
	n.CutOneSide(b, a)
}

// CutOneSide ends all connections between a and b at a alone, with [ErrCut]. They are
// half-open: for b they stay open, and what b sends is lost.
func (n *Network) CutOneSide(a, b string) {
	a, b = nameOf(a), nameOf(b)
	n.change(func() {
		for c := range n.conns {
			if c.owner.host.name == a && c.peer.owner.host.name == b {
				c.failAlone(ErrCut)
			}
		}
	})
}

// Refuse makes dials to a host fail at once with [ErrRefused]. Its connections stay
// open.
func (n *Network) Refuse(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).refusing = true })
}

// Accept ends Refuse.
func (n *Network) Accept(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).refusing = false })
}

// Hang stops a host's processes, as SIGSTOP does: they read nothing and send
// nothing, not even close reasons, and what others send to them fills buffers. Dials
// from and to it hang. Close still works on the host, so that a test can clean up.
func (n *Network) Hang(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).hung = true })
}

// Resume ends Hang.
func (n *Network) Resume(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).hung = false })
}

// Kill ends a host's processes, as SIGKILL does: its listeners are gone, and the other
// ends of its connections get [ErrReset]. The host's current transports do not work any
// more; the next process on the host needs a new one.
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

// Reference makes a host's listeners count as those of reference peers: connections
// dialled to them are not native.
func (n *Network) Reference(host string) {
	n.change(func() { n.hostNamed(nameOf(host)).reference = true })
}

// change calls f with the lock, and wakes all goroutines that wait.
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
