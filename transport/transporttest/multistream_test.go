package transporttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// streamCount is how many numbered streams the connections of multi have.
const streamCount = 3

// multi gives the connections of a transport numbered streams: each stream is a
// connection of its own. It may have a fault.
type multi struct {
	core.Transport
	fault string
	group *atomic.Int64 // numbers the connections of a network
}

func (l *multi) Dial(ctx context.Context, addr string) (core.Conn, error) {
	group := l.group.Add(1)
	c := newMultiConn(l.fault)
	for i := range c.all {
		one, err := l.Transport.Dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		if err := one.Send(ctx, [][]byte{fmt.Appendf(nil, "%d %d", group, i)}); err != nil {
			return nil, err
		}
		c.join(i, one)
	}
	return c, nil
}

func (l *multi) Listen(ctx context.Context, addr string) (core.Listener, error) {
	one, err := l.Transport.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &multiListener{Listener: one, fault: l.fault, groups: map[int]*multiConn{}}, nil
}

type multiListener struct {
	core.Listener
	fault  string
	groups map[int]*multiConn // of which some connections are missing
}

// Accept gathers the streams of a connection. It may be called by one goroutine at a
// time.
func (l *multiListener) Accept() (core.Conn, error) {
	for {
		one, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var group, i int
		name, err := one.Recv()
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Sscan(string(name), &group, &i); err != nil {
			return nil, err
		}
		c := l.groups[group]
		if c == nil {
			c = newMultiConn(l.fault)
			c.accepted = true
			l.groups[group] = c
		}
		c.join(i, one)
		if c.missing--; c.missing == 0 {
			return c, nil
		}
	}
}

type multiConn struct {
	fault    string
	accepted bool
	all      []core.Conn // the Conn's own stream, then the numbered ones
	streams  []core.Stream
	missing  int // of all
	limit    atomic.Int64
	sending  sync.Mutex // all streams', with a fault of that name

	mu       sync.Mutex
	left     int           // streams that have not been taken to their end
	complete chan struct{} // closed when there are none, or the connection has failed
	ending   sync.Once     // of complete
	closed   chan struct{} // closed when the connection is
	once     sync.Once
}

func newMultiConn(fault string) *multiConn {
	c := &multiConn{
		fault:    fault,
		all:      make([]core.Conn, 1+streamCount),
		missing:  1 + streamCount,
		left:     1 + streamCount,
		complete: make(chan struct{}),
		closed:   make(chan struct{}),
	}
	for i := range streamCount {
		c.streams = append(c.streams, &multiStream{c, 1 + i})
	}
	return c
}

func (c *multiConn) Streams() int {
	if c.fault == "streams differ" && c.accepted {
		return streamCount - 1
	}
	return streamCount
}

func (c *multiConn) Stream(i int) core.Stream {
	if c.fault == "new streams" {
		return &multiStream{c, 1 + i}
	}
	return c.streams[i]
}

func (c *multiConn) LimitReads(bytes int) { c.limit.Store(int64(bytes)) }
func (c *multiConn) RemoteAddr() string   { return c.all[0].RemoteAddr() }

func (c *multiConn) Send(ctx context.Context, frames [][]byte) error { return c.send(ctx, 0, frames) }
func (c *multiConn) Recv() ([]byte, error)                           { return c.recv(0) }

type multiStream struct {
	conn  *multiConn
	index int
}

func (l *multiStream) Send(ctx context.Context, frames [][]byte) error {
	return l.conn.send(ctx, l.index, frames)
}

func (l *multiStream) Recv() ([]byte, error) { return l.conn.recv(l.index) }

// join makes a connection one of the streams.
func (c *multiConn) join(i int, one core.Conn) {
	if i > 0 {
		one = &brokenConn{Conn: one, fault: c.fault}
	}
	c.all[i] = one
}

func (c *multiConn) send(ctx context.Context, i int, frames [][]byte) error {
	if c.fault == "one lock" || c.fault == "large lock" {
		c.sending.Lock()
		defer c.sending.Unlock()
	}
	if c.fault == "large lock" && len(frames) > 0 && len(frames[0]) > 64<<10 {
		<-c.closed
	}
	if c.fault == "mixed streams" && (i == 1 || i == 2) {
		i = 3 - i
	}
	err := c.all[i].Send(ctx, frames)
	if err != nil {
		c.fail(err)
	}
	return err
}

func (c *multiConn) recv(i int) ([]byte, error) {
	frame, err := c.all[i].Recv()
	if limit := c.limit.Load(); err == nil && limit > 0 && int64(len(frame)) > limit && c.fault != "unlimited streams" {
		err = core.ErrTooLarge
		c.all[i].Close(core.CloseProtocolError)
	}
	var goodbye *core.CloseError
	switch {
	case err == nil:
		return frame, nil
	case errors.As(err, &goodbye) && c.fault != "early goodbye":
		c.wait()
	default:
		c.fail(err)
	}
	select {
	case <-c.closed:
		if !errors.Is(err, core.ErrTooLarge) && c.fault != "other errors" {
			err = net.ErrClosed
		}
	default:
	}
	return nil, err
}

// wait returns when all streams have ended.
func (c *multiConn) wait() {
	c.mu.Lock()
	if c.left--; c.left == 0 {
		c.ending.Do(func() { close(c.complete) })
	}
	c.mu.Unlock()
	select {
	case <-c.complete:
	case <-c.closed:
	}
}

// fail ends all streams, for an error of one.
func (c *multiConn) fail(err error) {
	if c.fault != "local errors" && !errors.Is(err, net.ErrClosed) {
		c.ending.Do(func() { close(c.complete) })
		c.end(core.CloseProtocolError)
	}
}

func (c *multiConn) end(reason core.CloseReason) {
	for i, one := range c.all {
		if i > 0 && c.fault == "open streams" {
			return
		}
		if i > 0 && c.fault == "mute streams" {
			reason = core.CloseReason{Code: 1000}
		}
		one.Close(reason)
	}
}

func (c *multiConn) Close(reason core.CloseReason) error {
	c.once.Do(func() {
		close(c.closed)
		c.end(reason)
	})
	return nil
}
