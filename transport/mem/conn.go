package mem

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

var (
	_ core.Conn           = (*conn)(nil)
	_ core.ProtocolHinter = (*conn)(nil)
	_ core.Laner          = (*conn)(nil)
)

// conn is one end of a connection. The network's lock guards it.
type conn struct {
	owner  *transport
	remote string
	native bool // only set on the dialler's end

	peer      *conn
	sequences []*sequence // the connection's own, and those of its lanes

	closed bool  // by Close
	err    error // what else has ended it
}

// join makes two ends of pipes between the hosts of two processes, one each way
// for each sequence.
func join(near, far *conn, sequences int) {
	n := near.owner.network
	there := &direction{route: n.routeBetween(near.owner.host.name, far.owner.host.name)}
	back := &direction{route: n.routeBetween(far.owner.host.name, near.owner.host.name)}
	for i := range sequences {
		late := time.Duration(i) * n.stagger
		a, b := &pipe{direction: there, late: late}, &pipe{direction: back, late: late}
		x, y := newSequence(near, b, a), newSequence(far, a, b)
		x.peer, y.peer = y, x
		near.sequences = append(near.sequences, x)
		far.sequences = append(far.sequences, y)
	}
	near.peer, far.peer = far, near
}

// Send copies the frames into the buffer of this direction, as it gets room.
func (c *conn) Send(ctx context.Context, frames [][]byte) error {
	return c.sequences[0].Send(ctx, frames)
}

// Recv returns the next frame that has arrived.
func (c *conn) Recv() ([]byte, error) { return c.sequences[0].Recv() }

// Lanes is the number of lanes that the network gives to connections.
func (c *conn) Lanes() int { return len(c.sequences) - 1 }

// Lane is one of them.
func (c *conn) Lane(i int) core.Lane { return c.sequences[1+i] }

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
		c.finish(&core.CloseError{CloseReason: reason})
	}
	c.leave()
}

// abort ends this end without a reason that the other one could read.
func (c *conn) abort(err error) {
	c.finish(ErrReset)
	c.die(err)
}

// finish lets the other end find err behind all that was sent, and hear that
// nothing is read here any more.
func (c *conn) finish(err error) {
	for _, s := range c.sequences {
		s.out.finish(err)
		s.in.unread = true
	}
}

// die ends this end alone. What the other one sends vanishes.
func (c *conn) die(err error) {
	if c.err == nil {
		c.err = err
	}
	for _, s := range c.sequences {
		s.in.lost = s.in.lost || !s.in.unread
	}
	c.leave()
}

// leave ends reading: what the other end sends goes nowhere.
func (c *conn) leave() {
	for _, s := range c.sequences {
		s.in.drop()
	}
	c.wake()
	c.peer.wake()
}

// allRead tells whether nothing is under way to this end, on any lane: who hears of
// the end may close the connection at once.
func (c *conn) allRead() bool {
	return !slices.ContainsFunc(c.sequences, func(s *sequence) bool { return !s.in.empty() })
}

// wake has Send and Recv look again.
func (c *conn) wake() {
	for _, s := range c.sequences {
		s.readable.Broadcast()
		s.writable.Broadcast()
	}
}
