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
	"github.com/socketmesh/mesh/internal/peertls"
)

var (
	_ core.Conn          = (*conn)(nil)
	_ core.ReadLimiter   = (*conn)(nil)
	_ core.MultiStream   = (*conn)(nil)
	_ core.Certified     = (*conn)(nil)
	_ core.ChannelBinder = (*conn)(nil)

	_ core.FrameAdmitter = (*conn)(nil)
	_ core.FrameAdmitter = (*stream)(nil)
)

// conn is one QUIC connection. Its goroutine accepts the QUIC streams that the peer
// opens, one for each numbered stream.
type conn struct {
	quic      *quicgo.Conn
	socket    *socket   // held until Close
	streams   []*stream // the Conn's own, then the numbered ones
	limit     atomic.Int64
	advice    string // see credentials
	accepting sync.WaitGroup

	closeTimeout time.Duration
	once         sync.Once
	closed       atomic.Bool
	closing      chan struct{} // closed by Close

	mu        sync.Mutex
	failure   error            // why this end has closed the connection
	peerClose *core.CloseError // the peer's close frame
	expected  uint64           // bits of the numbered streams that the peer has used, from its close frame
	ended     uint64           // bits of the numbered streams that were read to their end
	complete  chan struct{}    // closed when the close frame and all streams were read
}

// RemoteAddr returns the peer's current UDP address, which may change.
func (c *conn) RemoteAddr() string { return c.quic.RemoteAddr().String() }

// Identity returns the URIs in the peer's certificate, which both ends verify.
func (c *conn) Identity() string { return peertls.Identity(c.quic.ConnectionState().TLS) }

// ChannelBinding identifies the connection's TLS session.
func (c *conn) ChannelBinding() []byte {
	return peertls.ChannelBinding(c.quic.ConnectionState().TLS)
}

// LimitReads limits the frames that are received from now on, on all streams.
func (c *conn) LimitReads(bytes int) { c.limit.Store(int64(max(bytes, 0))) }

// OnLargeFrame sets the function to call before the memory of a large frame on the Conn's
// own stream is allocated.
func (c *conn) OnLargeFrame(admit func(bytes int) error) { c.streams[0].OnLargeFrame(admit) }

// Streams is the number of streams beside the Conn's own: the smaller of the numbers that
// both ends have offered.
func (c *conn) Streams() int { return len(c.streams) - 1 }

// Stream returns the numbered stream i.
func (c *conn) Stream(i int) core.Stream { return c.streams[1+i] }

// Send writes the frames to the Conn's own stream.
func (c *conn) Send(ctx context.Context, frames [][]byte) error {
	return c.streams[0].Send(ctx, frames)
}

// Recv returns the next frame of the Conn's own stream.
func (c *conn) Recv() ([]byte, error) { return c.streams[0].Recv() }

// acceptStreams accepts the QUIC streams of the numbered streams, which come in order.
func (c *conn) acceptStreams() {
	for _, s := range c.streams[1:] {
		in, err := c.quic.AcceptUniStream(c.quic.Context())
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.closed.Load() {
			in.SetReadDeadline(past) // Close came before the stream, and Recv would block
		}
		s.in = in
		close(s.opened)
		c.mu.Unlock()
	}
}

// readCloseFrame reads the peer's close frame, behind its mark.
func (c *conn) readCloseFrame(r *frameReader) error {
	body, err := r.next(maxCloseFrame)
	switch {
	case errors.Is(err, core.ErrTooLarge), errors.Is(err, errCloseFrame):
		return fmt.Errorf("%w: close frame: %v", core.ErrMalformed, err)
	case err != nil:
		return err
	}
	received, used, err := parseCloseFrame(body)
	if err != nil {
		return err
	}
	streams := c.streams[1:]
	if used>>len(streams) != 0 {
		return fmt.Errorf("%w: close frame with streams that do not exist", core.ErrMalformed)
	}
	c.mu.Lock()
	c.peerClose, c.expected = received, used
	c.mu.Unlock()
	for i, stream := range streams {
		if used&(1<<i) == 0 {
			close(stream.unused)
		}
	}
	c.checkComplete()
	return nil
}

// streamEnded notes that a numbered stream has been read to its end.
func (c *conn) streamEnded(stream int) {
	c.mu.Lock()
	c.ended |= 1 << stream
	c.mu.Unlock()
	c.checkComplete()
}

// checkComplete closes the QUIC connection when the peer has closed and everything it has
// sent was read: the peer's Close waits for that.
func (c *conn) checkComplete() {
	c.mu.Lock()
	complete := c.peerClose != nil && c.expected&^c.ended == 0
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

// waitForEnd is called by the Recv of a stream that has ended. It waits until all
// streams were read to their end, and returns the reason. The caller may close the
// connection when one of its Recvs fails, and nothing may be lost by that.
func (c *conn) waitForEnd() error {
	select {
	case <-c.complete:
	case <-c.closing:
		return net.ErrClosed
	case <-c.quic.Context().Done():
	}
	return c.reasonFor(context.Cause(c.quic.Context()))
}

// readFailed closes the connection if the peer has violated the protocol, and wraps
// the error of a read in the errors of package core.
func (c *conn) readFailed(err error) error {
	var reset *quicgo.StreamError
	switch {
	case errors.Is(err, core.ErrTooLarge):
		return c.fail(err, core.CloseTooLarge)
	case errors.Is(err, core.ErrMalformed):
		return c.fail(err, core.CloseProtocolError)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &reset):
		return c.fail(fmt.Errorf("%w: the stream ends early: %v", core.ErrMalformed, err), core.CloseProtocolError)
	}
	return c.reasonFor(err)
}

// fail closes the QUIC connection. It returns the error of the first call, which is
// the one that Recv and Send return.
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

// reasonFor returns why the connection has ended, in the errors of package core. err
// is the library's error.
func (c *conn) reasonFor(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.failure != nil:
		return c.failure
	case c.peerClose != nil:
		return c.peerClose
	}
	return explain(err, c.advice)
}
