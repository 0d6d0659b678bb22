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
	_ core.NativeReporter = (*conn)(nil)
	_ core.MultiStream    = (*conn)(nil)
)

// conn is one end of a connection. The network's lock guards it.
type conn struct {
	owner  *transport
	remote string
	native bool // the acceptor counts as a Go node; set on the dialler's end only

	peer    *conn
	streams []*stream // the connection's own, then the numbered ones

	closed bool  // by Close
	err    error // with which it has ended otherwise
}

// join makes two conns the ends of one connection: for each stream it makes two pipes
// between the hosts, one in each direction.
func join(near, far *conn, streams int) {
	n := near.owner.network
	there := &direction{route: n.routeBetween(near.owner.host.name, far.owner.host.name)}
	back := &direction{route: n.routeBetween(far.owner.host.name, near.owner.host.name)}
	for i := range streams {
		extraDelay := time.Duration(i) * n.stagger
		a, b := &pipe{direction: there, extraDelay: extraDelay}, &pipe{direction: back, extraDelay: extraDelay}
		x, y := newStream(near, b, a), newStream(far, a, b)
		x.peer, y.peer = y, x
		near.streams = append(near.streams, x)
		far.streams = append(far.streams, y)
	}
	near.peer, far.peer = far, near
}

// Send copies the frames into the buffer of this direction, and waits while it is full.
func (c *conn) Send(ctx context.Context, frames [][]byte) error {
	return c.streams[0].Send(ctx, frames)
}

// Recv returns the next frame that has arrived.
func (c *conn) Recv() ([]byte, error) { return c.streams[0].Recv() }

// Streams is the number of streams beside the connection's own, see [WithStreams].
func (c *conn) Streams() int { return len(c.streams) - 1 }

// Stream returns the numbered stream i.
func (c *conn) Stream(i int) core.Stream { return c.streams[1+i] }

// failed returns the error with which this end has ended. A host that hangs does not
// notice.
func (c *conn) failed() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.owner.host.hung:
		return nil
	}
	return c.err
}

// RemoteAddr is the address of the other end, as "mem://a".
func (c *conn) RemoteAddr() string { return c.remote }

// Native reports whether the other end, which was dialled, counts as a Go node.
func (c *conn) Native() bool { return c.native }

// Close ends the connection; the other end reads what was sent, and then the reason.
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
	c.stopReading()
}

// abort ends this end; the other one reads what was sent, and then [ErrReset].
func (c *conn) abort(err error) {
	c.finish(ErrReset)
	c.failAlone(err)
}

// finish makes the other end read err behind all that was sent, and drops what it sends
// from now on.
func (c *conn) finish(err error) {
	for _, s := range c.streams {
		s.out.finish(err)
		s.in.unread = true
	}
}

// failAlone ends this end; the other one does not notice, and what it sends is lost.
func (c *conn) failAlone(err error) {
	if c.err == nil {
		c.err = err
	}
	for _, s := range c.streams {
		s.in.lost = s.in.lost || !s.in.unread
	}
	c.stopReading()
}

// stopReading drops what the other end has sent, and wakes both ends.
func (c *conn) stopReading() {
	for _, s := range c.streams {
		s.in.drop()
	}
	c.wake()
	c.peer.wake()
}

// allRead reports whether this end has read all that was sent to it, on all streams. Only
// then does Recv return the end of the connection: its caller may close at once, and
// nothing may be lost by that.
func (c *conn) allRead() bool {
	return !slices.ContainsFunc(c.streams, func(s *stream) bool { return !s.in.empty() })
}

// wake makes every Send and Recv check again.
func (c *conn) wake() {
	for _, s := range c.streams {
		s.readable.Broadcast()
		s.writable.Broadcast()
	}
}
