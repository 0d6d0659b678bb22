package unix

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// conn is one connection. It has no goroutines.
type conn struct {
	socket net.Conn
	remote string
	closed atomic.Bool

	reader reader
	ended  error // why there are no more frames

	sending sync.Mutex
	writer  *bufio.Writer // keeps its first error
}

var (
	_ core.Conn        = (*conn)(nil)
	_ core.ReadLimiter = (*conn)(nil)
)

func newConn(socket net.Conn, remote string, maxFrame int) *conn {
	return &conn{
		socket: socket,
		remote: remote,
		reader: reader{in: bufio.NewReader(socket), limit: maxFrame},
		writer: bufio.NewWriter(socket),
	}
}

func (c *conn) RemoteAddr() string { return c.remote }

func (c *conn) LimitReads(bytes int) { c.reader.limit = bytes }

// Send leaves the socket open if the peer has closed it: what that has sent before,
// and why it left, is still to be received.
func (c *conn) Send(ctx context.Context, frames [][]byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	stop := context.AfterFunc(ctx, func() { c.socket.Close() })
	for _, frame := range frames {
		write(c.writer, uint64(len(frame)), frame)
	}
	err := c.writer.Flush()
	if !stop() {
		c.socket.Close() // the other Close may come too late for the next Send
		return ctx.Err()
	}
	return err
}

func (c *conn) Recv() ([]byte, error) {
	var frame []byte
	if c.ended == nil {
		frame, c.ended = c.reader.next()
	}
	if c.closed.Load() {
		return nil, net.ErrClosed
	}
	return frame, c.ended
}

// Close gives a Send that is under way, and the goodbye behind it, a second. What
// has been written by then reaches the peer although the socket is closed.
func (c *conn) Close(reason core.CloseReason) error {
	if c.closed.Swap(true) {
		return nil
	}
	defer time.AfterFunc(time.Second, func() { c.socket.Close() }).Stop()
	c.sending.Lock()
	defer c.sending.Unlock()
	writeGoodbye(c.writer, reason)
	c.writer.Flush()
	c.socket.Close()
	return nil
}
