package mem

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

var (
	_ core.Conn           = (*conn)(nil)
	_ core.ProtocolHinter = (*conn)(nil)
)

// conn is one end of a connection. The network's lock guards it.
type conn struct {
	owner  *transport
	remote string
	native bool // only set on the dialler's end

	peer    *conn
	in, out *pipe

	readable *sync.Cond // Recv may look again
	writable *sync.Cond // Send may look again
	reading  []byte     // what the last Recv returned
	closed   bool       // by Close
	err      error      // what else has ended it
}

func newConn(owner *transport, remote string, in, out *pipe) *conn {
	mu := &owner.network.mu
	return &conn{
		owner: owner, remote: remote, in: in, out: out,
		readable: sync.NewCond(mu), writable: sync.NewCond(mu),
	}
}

// Send copies the frames into the buffer of this direction, as it gets room.
func (c *conn) Send(ctx context.Context, frames [][]byte) error {
	n := c.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, frame := range frames {
		if n.tap != nil {
			c.tapped(frame)
		}
		if err := c.sendable(ctx, frame); err != nil {
			return fmt.Errorf("mem: send to %s: %w", c.remote, err)
		}
		c.out.push(frame, n.maxFrame)
		c.peer.readable.Broadcast()
	}
	return nil
}

// tapped shows a frame to the network's tap, without the lock.
func (c *conn) tapped(frame []byte) {
	n := c.owner.network
	tap, from, to := n.tap, c.owner.host.name, c.peer.owner.host.name
	n.mu.Unlock()
	defer n.mu.Lock()
	tap(from, to, frame)
}

// sendable waits until a frame can be sent, or never can.
func (c *conn) sendable(ctx context.Context, frame []byte) error {
	n := c.owner.network
	waiting := false
	for {
		if err := c.failed(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			c.abort(err)
			return err
		}
		again, err := c.goodbye()
		if err != nil {
			return err
		}
		if !c.owner.host.hung && c.out.fits(frame, n.buffer) {
			return nil
		}
		if !waiting {
			waiting = true
			defer n.wakeAfter(ctx, c.writable)()
		}
		n.wait(c.writable, again)
	}
}

// Recv returns the next frame that has arrived.
func (c *conn) Recv() ([]byte, error) {
	n := c.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	c.in.give(c.reading)
	c.reading = nil
	for {
		if err := c.failed(); err != nil {
			return nil, fmt.Errorf("mem: receive from %s: %w", c.remote, err)
		}
		var again time.Time
		if !c.owner.host.hung {
			first, ok, at := c.in.next()
			if ok {
				return c.take(first)
			}
			again = at
			if c.in.empty() {
				if again, c.err = c.goodbye(); c.err != nil {
					continue
				}
			}
		}
		n.wait(c.readable, again)
	}
}

// take hands over a packet that was read.
func (c *conn) take(p packet) ([]byte, error) {
	c.peer.writable.Broadcast()
	if p.tooLarge {
		c.out.finish(&core.CloseError{CloseReason: closeTooLarge})
		c.in.unread = true
		c.die(fmt.Errorf("%w of %d bytes", core.ErrTooLarge, c.owner.network.maxFrame))
		return nil, fmt.Errorf("mem: receive from %s: %w", c.remote, c.err)
	}
	c.reading = p.frame
	return p.frame, nil
}

// closeTooLarge is what the sender of too large a frame hears.
var closeTooLarge = core.CloseReason{Code: 1009}

// goodbye returns what the other end left when it ended, if that has arrived and
// this end can notice. If it is still under way, it returns the time to look
// again.
func (c *conn) goodbye() (again time.Time, err error) {
	if c.owner.host.hung || c.peer.owner.host.hung {
		return time.Time{}, nil
	}
	return c.in.ended()
}

// failed returns what has ended this end, as far as it can notice.
func (c *conn) failed() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.owner.host.hung:
		return nil
	}
	return c.err
}

// RemoteAddr names the other end, as "mem://a".
func (c *conn) RemoteAddr() string { return c.remote }

// Native tells whether the other end, which was dialled, is a Go node.
func (c *conn) Native() bool { return c.native }

// Close says goodbye behind what was sent.
func (c *conn) Close(reason core.CloseReason) error {
	n := c.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	c.close(reason)
	return nil
}

// close ends this end with a reason for the other one; the network's lock is
// held.
func (c *conn) close(reason core.CloseReason) {
	if c.closed {
		return
	}
	c.closed = true
	delete(c.owner.network.conns, c)
	if c.err == nil {
		c.out.finish(&core.CloseError{CloseReason: reason})
		c.in.unread = true
	}
	c.leave()
}

// abort ends this end without a reason that the other one could read.
func (c *conn) abort(err error) {
	c.out.finish(ErrReset)
	c.in.unread = true
	c.die(err)
}

// die ends this end alone. What the other one sends vanishes.
func (c *conn) die(err error) {
	if c.err == nil {
		c.err = err
	}
	c.in.lost = c.in.lost || !c.in.unread
	c.leave()
}

// leave ends reading: what the other end sends goes nowhere.
func (c *conn) leave() {
	c.in.drop()
	c.wake()
	c.peer.wake()
}

// wake has Send and Recv look again.
func (c *conn) wake() {
	c.readable.Broadcast()
	c.writable.Broadcast()
}
