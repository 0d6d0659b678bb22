package ws

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/wsframe"
)

var (
	_ core.Conn           = (*conn)(nil)
	_ core.ProtocolHinter = (*conn)(nil)
	_ core.ReadLimiter    = (*conn)(nil)
)

const (
	// handshakeBuffer is what the library gets, which reads and writes nothing
	// else, in bytes.
	handshakeBuffer = 1 << 10

	// tellTimeout bounds the writing of a pong or a complaint.
	tellTimeout = time.Second
)

// conn is one WebSocket. It has no goroutines.
type conn struct {
	net    net.Conn
	raw    net.Conn // the same, or below that if it is TLS
	remote string
	native bool // only set on the dialler's end

	writer writer
	ping   atomic.Pointer[[]byte] // waits for its pong

	reading sync.Mutex
	reader  reader
	ended   error                           // why Recv ends
	goodbye atomic.Pointer[core.CloseError] // what the peer has closed with

	closeTimeout time.Duration
	closing      sync.Once
	closed       atomic.Bool
}

// newConn makes a connection of one that is upgraded, of which something has come
// already.
func newConn(upgraded net.Conn, come []byte, options *Options, dialled bool) *conn {
	below, raw := layers(upgraded)
	c := &conn{
		net:    below,
		raw:    raw,
		remote: below.RemoteAddr().String(),
		writer: writer{socket: below, masked: dialled},
		reader: reader{socket: below, masked: !dialled, limit: int64(options.MaxFrame), buf: come, to: len(come)},

		closeTimeout: options.CloseTimeout,
	}
	c.reader.control = c.control
	return c
}

// layers are what lies below a WebSocket: what it is written to, and the network
// connection, which is closed without another word.
func layers(c net.Conn) (below, raw net.Conn) {
	if g, ok := c.(*gate); ok {
		c = g.Conn
	}
	if secured, ok := c.(*tls.Conn); ok {
		return c, secured.NetConn()
	}
	return c, c
}

// RemoteAddr is the peer's TCP address.
func (c *conn) RemoteAddr() string { return c.remote }

// Native tells whether the acceptor has said that it is a Go node.
func (c *conn) Native() bool { return c.native }

// LimitReads bounds the messages that are received from now on.
func (c *conn) LimitReads(bytes int) { c.reader.limit = int64(bytes) }

// Send writes the frames, one binary message each.
func (c *conn) Send(ctx context.Context, frames [][]byte) error {
	err := c.send(ctx, frames)
	c.pong()
	if err != nil {
		return fmt.Errorf("ws: send to %s: %w", c.remote, err)
	}
	return nil
}

func (c *conn) send(ctx context.Context, frames [][]byte) error {
	c.writer.mu.Lock()
	defer c.writer.mu.Unlock()
	if c.closed.Load() {
		return net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return c.giveUp(err)
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { c.net.SetWriteDeadline(past) })
	}
	err := c.writer.messages(frames)
	inTime := stop()
	switch {
	case err != nil && c.closed.Load():
		return net.ErrClosed
	case !inTime:
		return c.giveUp(ctx.Err()) // nothing can be sent with that deadline
	case err != nil:
		if goodbye := c.goodbye.Load(); goodbye != nil {
			return goodbye // which is why it cannot be sent
		}
	}
	return err
}

// giveUp ends the connection for an error of Send.
func (c *conn) giveUp(err error) error {
	if c.writer.err == nil {
		c.writer.err = err
	}
	c.raw.Close()
	return err
}

// pong answers the last ping, unless there is none or something is being
// written: then who writes does it afterwards. So reading never waits for
// writing, or two nodes could wait for each other.
func (c *conn) pong() {
	for c.ping.Load() != nil && c.writer.mu.TryLock() {
		if ping := c.ping.Swap(nil); ping != nil {
			c.tell(wsframe.Pong, *ping)
		}
		c.writer.mu.Unlock()
	}
}

// tell writes a control frame, unless nothing is written any more. It does not take
// long over it. The writer's lock is held.
func (c *conn) tell(op wsframe.Opcode, payload []byte) {
	if c.writer.err != nil || c.closed.Load() {
		return
	}
	c.net.SetWriteDeadline(time.Now().Add(tellTimeout))
	if c.writer.control(op, payload) == nil {
		c.net.SetWriteDeadline(time.Time{})
	}
}

// Recv returns the next message, binary or text.
func (c *conn) Recv() ([]byte, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.ended == nil {
		frame, err := c.reader.next()
		if err == nil {
			return frame, nil
		}
		c.ended = c.diagnose(err)
	}
	err := c.ended
	if c.closed.Load() {
		err = net.ErrClosed
	}
	return nil, fmt.Errorf("ws: receive from %s: %w", c.remote, err)
}

var errGivenUp = errors.New("connection was given up by Send")

// control handles a control frame.
func (c *conn) control(op wsframe.Opcode, payload []byte) error {
	switch op {
	case wsframe.Ping:
		payload = bytes.Clone(payload)
		c.ping.Store(&payload)
		c.pong()
	case wsframe.Close:
		code, text, err := wsframe.ReadClose(payload)
		if err != nil {
			return err
		}
		goodbye := &core.CloseError{CloseReason: core.CloseReason{Code: int(code), Text: text}}
		c.goodbye.Store(goodbye)
		return goodbye
	}
	return nil
}

// diagnose says in this package's terms why reading has ended, and tells the peer
// if that is its fault.
func (c *conn) diagnose(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("connection ended without a close frame")
	case errors.Is(err, wsframe.ErrProtocol), errors.Is(err, wsframe.ErrNotUTF8):
		c.complain(wsframe.CodeFor(err))
		return fmt.Errorf("%w: %w", core.ErrMalformed, err)
	case errors.Is(err, core.ErrTooLarge):
		c.complain(wsframe.CodeTooLarge)
	case errors.Is(err, net.ErrClosed):
		return errGivenUp // if it was not Close, which is asked first
	}
	return err
}

// complain tells the peer what it has done, unless something is being written:
// reading waits for nobody.
func (c *conn) complain(code uint16) {
	if c.writer.mu.TryLock() {
		c.tell(wsframe.Close, closePayload(core.CloseReason{Code: int(code)}))
		c.writer.mu.Unlock()
	}
}
