package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

var (
	_ core.Conn        = (*conn)(nil)
	_ core.ReadLimiter = (*conn)(nil)
	_ core.Laner       = (*conn)(nil)
)

// conn is one QUIC connection. A goroutine of its own waits for the peer's lanes.
type conn struct {
	quic      *quicgo.Conn
	socket    *socket     // is held until Close
	sequences []*sequence // the Conn's own, then the lanes
	limit     atomic.Int64
	advice    string // see credentials
	accepting sync.WaitGroup

	closeTimeout time.Duration
	once         sync.Once
	closed       atomic.Bool
	closing      chan struct{} // closed by Close

	mu       sync.Mutex
	failure  error            // what this side has ended the connection for
	goodbye  *core.CloseError // what the peer has closed with
	expected uint64           // the lanes that it had used
	taken    uint64           // the lanes that were taken to their end
	complete chan struct{}    // closed when all has been taken, the goodbye too
}

// RemoteAddr is the peer's UDP address, which may change.
func (c *conn) RemoteAddr() string { return c.quic.RemoteAddr().String() }

// LimitReads bounds the frames that are received from now on, on all lanes.
func (c *conn) LimitReads(bytes int) { c.limit.Store(int64(max(bytes, 0))) }

// Lanes is the smaller number of both ends.
func (c *conn) Lanes() int { return len(c.sequences) - 1 }

// Lane returns a lane.
func (c *conn) Lane(i int) core.Lane { return c.sequences[1+i] }

// Send writes the frames to the Conn's own sequence.
func (c *conn) Send(ctx context.Context, frames [][]byte) error {
	return c.sequences[0].Send(ctx, frames)
}

// Recv returns the next frame of the Conn's own sequence.
func (c *conn) Recv() ([]byte, error) { return c.sequences[0].Recv() }

// acceptLanes waits for the peer's streams, which come in the order of lanes.
func (c *conn) acceptLanes() {
	for _, q := range c.sequences[1:] {
		stream, err := c.quic.AcceptUniStream(c.quic.Context())
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.closed.Load() {
			stream.SetReadDeadline(past) // or a Recv could miss that it has to end
		}
		q.stream = stream
		close(q.opened)
		c.mu.Unlock()
	}
}

// hearGoodbye reads the peer's last words.
func (c *conn) hearGoodbye(r *frameReader) error {
	body, err := r.next(maxGoodbye)
	switch {
	case errors.Is(err, core.ErrTooLarge), errors.Is(err, errGoodbye):
		return fmt.Errorf("%w: goodbye: %v", core.ErrMalformed, err)
	case err != nil:
		return err
	}
	goodbye, used, err := parseGoodbye(body)
	if err != nil {
		return err
	}
	lanes := c.sequences[1:]
	if used>>len(lanes) != 0 {
		return fmt.Errorf("%w: goodbye names lanes that there are not", core.ErrMalformed)
	}
	c.mu.Lock()
	c.goodbye, c.expected = goodbye, used
	c.mu.Unlock()
	for i, lane := range lanes {
		if used&(1<<i) == 0 {
			close(lane.unused)
		}
	}
	c.checkComplete()
	return nil
}

// laneTaken notes that a lane has been read to its end.
func (c *conn) laneTaken(lane int) {
	c.mu.Lock()
	c.taken |= 1 << lane
	c.mu.Unlock()
	c.checkComplete()
}

// checkComplete lets the peer go when it has closed and nothing is left to take.
func (c *conn) checkComplete() {
	c.mu.Lock()
	complete := c.goodbye != nil && c.expected&^c.taken == 0
	if complete {
		select {
		case <-c.complete:
		default:
			close(c.complete)
		}
	}
	c.mu.Unlock()
	if complete {
		c.quic.CloseWithError(applicationCode(noReason))
	}
}

// wait is for a sequence that has ended, until the others have, and tells why.
// So whoever first learns of the end may close: nothing is left to be read.
func (c *conn) wait() error {
	select {
	case <-c.complete:
	case <-c.closing:
		return net.ErrClosed
	case <-c.quic.Context().Done():
	}
	return c.diagnose(context.Cause(c.quic.Context()))
}

// refuse ends the connection for what was read, if it has not ended.
func (c *conn) refuse(err error) error {
	var reset *quicgo.StreamError
	switch {
	case errors.Is(err, core.ErrTooLarge):
		return c.fail(err, closeTooLarge)
	case errors.Is(err, core.ErrMalformed):
		return c.fail(err, core.CloseProtocolError)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &reset):
		return c.fail(fmt.Errorf("%w: stream ends too early: %v", core.ErrMalformed, err), core.CloseProtocolError)
	}
	return c.diagnose(err)
}

// fail ends the connection. What counts is the first error, which it returns.
func (c *conn) fail(err error, reason core.CloseReason) error {
	c.mu.Lock()
	if c.failure == nil {
		c.failure = err
	}
	err = c.failure
	c.mu.Unlock()
	c.quic.CloseWithError(applicationCode(reason))
	return err
}

// diagnose says in this package's terms why the connection has ended.
func (c *conn) diagnose(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.failure != nil:
		return c.failure
	case c.goodbye != nil:
		return c.goodbye
	}
	return explain(err, c.advice)
}
