package ws

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/closetext"
	"github.com/socketmesh/mesh/internal/wsframe"
)

// Close sends a close frame behind the frames that Send is writing, and waits until the
// peer closes the connection, but no longer than Options.CloseTimeout.
func (c *conn) Close(reason core.CloseReason) error {
	c.closing.Do(func() { c.close(reason, time.Now().Add(c.closeTimeout)) })
	return nil
}

func (c *conn) close(reason core.CloseReason, deadline time.Time) {
	defer c.raw.Close()
	c.closed.Store(true)
	c.net.SetReadDeadline(past)
	c.net.SetWriteDeadline(deadline) // for a Send that is under way
	if c.sendClose(reason, deadline) == nil {
		c.linger(deadline)
	}
}

// sendClose writes the close frame, which is the last one.
func (c *conn) sendClose(reason core.CloseReason, deadline time.Time) error {
	c.writer.mu.Lock()
	defer c.writer.mu.Unlock()
	c.net.SetWriteDeadline(deadline) // a pong may have changed it
	if received := c.peerClose.Load(); received != nil {
		reason = core.CloseReason{Code: received.Code} // the answer to a close frame has the same code
	}
	err := c.writer.control(wsframe.Close, closePayload(reason))
	if err == nil {
		c.writer.err = net.ErrClosed
	}
	if err == nil {
		// tls.Conn.CloseWrite sets a deadline of its own, of five seconds.
		timer := time.AfterFunc(time.Until(deadline), func() { c.raw.Close() })
		halfClose(c.net)
		timer.Stop()
	}
	return err
}

// halfClose ends the sending half of a connection, if it can be closed alone.
func halfClose(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// linger reads what the peer sends until it closes. If unread data were left when the
// socket is closed, the system would reset the connection, and the peer could lose
// the last frames.
func (c *conn) linger(deadline time.Time) {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.net.SetReadDeadline(deadline)
	io.Copy(io.Discard, c.net)
}

// closePayload is the payload of a close frame: a code and a text, or nothing if the
// code may not be sent.
func closePayload(reason core.CloseReason) []byte {
	if reason.Code < 0 || reason.Code > math.MaxUint16 || !wsframe.MayBeSent(uint16(reason.Code)) {
		return nil // 0 and 1005 mean that there is no reason
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(reason.Code)), closetext.Trim(reason.Text)...)
}
