package ws

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/wsframe"
)

// Close sends a close frame behind what is being sent, and gives the peer a
// moment to take it. It takes Options.CloseTimeout at most, which is when the peer
// does not answer.
func (c *conn) Close(reason core.CloseReason) error {
	c.closing.Do(func() { c.close(reason, time.Now().Add(c.closeTimeout)) })
	return nil
}

func (c *conn) close(reason core.CloseReason, deadline time.Time) {
	defer c.raw.Close()
	c.closed.Store(true)
	c.net.SetReadDeadline(past)
	c.net.SetWriteDeadline(deadline) // of a Send that is under way
	if c.sayGoodbye(reason, deadline) == nil {
		c.linger(deadline)
	}
}

// sayGoodbye writes the last frame.
func (c *conn) sayGoodbye(reason core.CloseReason, deadline time.Time) error {
	c.writer.mu.Lock()
	defer c.writer.mu.Unlock()
	c.net.SetWriteDeadline(deadline) // a pong may have changed it
	if goodbye := c.goodbye.Load(); goodbye != nil {
		reason = core.CloseReason{Code: goodbye.Code} // the answer repeats the code
	}
	err := c.writer.control(wsframe.Close, closePayload(reason))
	if err == nil {
		c.writer.err = net.ErrClosed
	}
	if err == nil {
		// TLS has a time limit of its own for its goodbye.
		bound := time.AfterFunc(time.Until(deadline), func() { c.raw.Close() })
		halfClose(c.net)
		bound.Stop()
	}
	return err
}

// halfClose ends the sending half of a connection that has halves.
func halfClose(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// linger reads to the end what the peer has sent. Closing a socket with unread
// data resets it, and that could overtake the frames and the goodbye.
func (c *conn) linger(deadline time.Time) {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.net.SetReadDeadline(deadline)
	io.Copy(io.Discard, c.net)
}

// maxCloseText is what a control frame leaves for it, in bytes.
const maxCloseText = 123

// closePayload is the body of a close frame: nothing, or a code and a text.
func closePayload(reason core.CloseReason) []byte {
	if reason.Code < 0 || reason.Code > math.MaxUint16 || !wsframe.MayBeSent(uint16(reason.Code)) {
		return nil // 0 and 1005 stand for none
	}
	text := strings.ToValidUTF8(reason.Text, "?")
	if len(text) > maxCloseText {
		end := maxCloseText
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(reason.Code)), text...)
}
