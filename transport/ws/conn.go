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
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/wsframe"
)

var (
	_ core.Conn           = (*conn)(nil)
	_ core.NativeReporter = (*conn)(nil)
	_ core.ReadLimiter    = (*conn)(nil)
	_ core.Certified      = (*conn)(nil)
	_ core.ChannelBinder  = (*conn)(nil)
	_ core.FrameAdmitter  = (*conn)(nil)
)

const (
	// handshakeBuffer is the size of the library's buffers, in bytes. It reads and
	// writes the handshake only.
	handshakeBuffer = 1 << 10

	// controlTimeout bounds the writing of a pong, or of a close frame for a
	// protocol error.
	controlTimeout = time.Second
)

// conn is one WebSocket. It has no goroutines.
type conn struct {
	net      net.Conn
	raw      net.Conn // the TCP connection: net, or below it if that is TLS
	remote   string
	identity string // of the peer, from its certificate
	native   bool   // the acceptor is a Go node; set on the dialler's end only

	writer writer
	ping   atomic.Pointer[[]byte] // payload of the last ping, if it was not answered

	reading sync.Mutex
	reader  reader
	readErr error // what Recv returns, once reading has failed

	peerClose atomic.Pointer[core.CloseError] // the peer's close frame

	closeTimeout time.Duration
	closing      sync.Once
	closed       atomic.Bool
}

// newConn returns the conn of an upgraded connection. received are the bytes behind
// the handshake that have been read from it.
func newConn(upgraded net.Conn, received []byte, options *Options, dialled bool) *conn {
	below, raw := layers(upgraded)
	c := &conn{
		net:    below,
		raw:    raw,
		remote: below.RemoteAddr().String(),
		writer: writer{socket: below, masked: dialled},
		reader: reader{socket: below, masked: !dialled, limit: int64(options.MaxFrame), buf: received, to: len(received)},

		closeTimeout: options.CloseTimeout,
	}
	c.reader.control = c.control
	if secured, ok := below.(*tls.Conn); ok && peertls.Verifies(options.TLS, dialled) {
		c.identity = peertls.Identity(secured.ConnectionState())
	}
	return c
}

// layers returns what is below a WebSocket: the connection to write to, which may be
// TLS, and the TCP connection, which can be closed at once.
func layers(c net.Conn) (below, raw net.Conn) {
	if s, ok := c.(*serverConn); ok {
		c = s.Conn
	}
	if secured, ok := c.(*tls.Conn); ok {
		return c, secured.NetConn()
	}
	return c, c
}

// RemoteAddr is the peer's TCP address.
func (c *conn) RemoteAddr() string { return c.remote }

// Identity returns the URIs in the peer's certificate.
func (c *conn) Identity() string { return c.identity }

// ChannelBinding identifies the connection's TLS session; nil without TLS.
func (c *conn) ChannelBinding() []byte {
	if state := peertls.StateOf(c.net); state != nil {
		return peertls.ChannelBinding(*state)
	}
	return nil
}

// OnLargeFrame sets the function to call before the memory of a large message is
// allocated.
func (c *conn) OnLargeFrame(admit func(bytes int) error) { c.reader.admit = admit }

// Native reports whether the acceptor has said that it is a Go node.
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
		return c.giveUp(ctx.Err()) // even if all was written: the deadline stays expired
	case err != nil:
		if received := c.peerClose.Load(); received != nil {
			return received // the reason for which the write failed
		}
	}
	return err
}

// giveUp closes the connection after an error of Send.
func (c *conn) giveUp(err error) error {
	if c.writer.err == nil {
		c.writer.err = err
	}
	c.raw.Close()
	return err
}

// pong answers the last ping, unless it was answered. If Send is writing, pong leaves
// that to Send, which calls pong afterwards: if reading waited for writing, two nodes
// could wait for each other.
func (c *conn) pong() {
	for c.ping.Load() != nil && c.writer.mu.TryLock() {
		if ping := c.ping.Swap(nil); ping != nil {
			c.writeControl(wsframe.Pong, *ping)
		}
		c.writer.mu.Unlock()
	}
}

// writeControl writes a control frame within controlTimeout, unless a write has failed
// before. The caller holds the writer's lock.
func (c *conn) writeControl(op wsframe.Opcode, payload []byte) {
	if c.writer.err != nil || c.closed.Load() {
		return
	}
	c.net.SetWriteDeadline(time.Now().Add(controlTimeout))
	if c.writer.control(op, payload) == nil {
		c.net.SetWriteDeadline(time.Time{})
	}
}

// Recv returns the next message, binary or text.
func (c *conn) Recv() ([]byte, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.readErr == nil {
		frame, err := c.reader.next()
		if err == nil {
			return frame, nil
		}
		c.readErr = c.readFailed(err)
	}
	err := c.readErr
	if c.closed.Load() {
		err = net.ErrClosed
	}
	return nil, fmt.Errorf("ws: receive from %s: %w", c.remote, err)
}

var errSendFailed = errors.New("the connection was closed after an error of Send")

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
		received := &core.CloseError{CloseReason: core.CloseReason{Code: int(code), Text: text}}
		c.peerClose.Store(received)
		return received
	}
	return nil
}

// readFailed wraps the error of a read in the errors of package core. If the peer has
// violated the protocol it sends a close frame that says so.
func (c *conn) readFailed(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended without a close frame")
	case errors.Is(err, wsframe.ErrProtocol), errors.Is(err, wsframe.ErrNotUTF8):
		c.closeFor(wsframe.CodeFor(err))
		return fmt.Errorf("%w: %w", core.ErrMalformed, err)
	case errors.Is(err, core.ErrTooLarge):
		c.closeFor(wsframe.CodeTooLarge)
	case errors.Is(err, net.ErrClosed):
		return errSendFailed // Recv returns another error after Close
	}
	return err
}

// closeFor sends a close frame with a code, unless Send is writing: reading does not
// wait for writing.
func (c *conn) closeFor(code uint16) {
	if c.writer.mu.TryLock() {
		c.writeControl(wsframe.Close, closePayload(core.CloseReason{Code: int(code)}))
		c.writer.mu.Unlock()
	}
}
