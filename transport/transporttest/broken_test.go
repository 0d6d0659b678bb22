package transporttest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// broken is a transport with a fault.
type broken struct {
	core.Transport
	fault string
}

func (b *broken) Name() string {
	if b.fault == "name" {
		return "Broken"
	}
	return b.Transport.Name()
}

func (b *broken) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := b.Transport.Listen(ctx, addr)
	if err != nil {
		return nil, b.maybeVague(err)
	}
	if b.fault == "listen context" {
		context.AfterFunc(ctx, func() { l.Close() })
	}
	return &brokenListener{Listener: l, fault: b.fault}, nil
}

func (b *broken) Dial(ctx context.Context, addr string) (core.Conn, error) {
	if b.fault == "deaf dial" {
		ctx = context.WithoutCancel(ctx)
	}
	c, err := b.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, b.maybeVague(err)
	}
	if b.fault == "dial context" {
		context.AfterFunc(ctx, func() { c.Close(core.CloseShutdown) })
	}
	return &brokenConn{Conn: c, fault: b.fault}, nil
}

func (b *broken) maybeVague(err error) error {
	if b.fault == "vague" {
		return errors.New("it did not work")
	}
	return err
}

type brokenListener struct {
	core.Listener
	fault string

	mu       sync.Mutex
	accepted []core.Conn
}

func (l *brokenListener) Accept() (core.Conn, error) {
	c, err := l.Listener.Accept()
	switch {
	case err != nil && l.fault == "accept error":
		return nil, errors.New("no more")
	case err != nil:
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, c)
	return &brokenConn{Conn: c, fault: l.fault}, nil
}

func (l *brokenListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.fault {
	case "greedy listener":
		for _, c := range l.accepted {
			c.Close(core.CloseShutdown)
		}
	case "open listener":
		return nil
	}
	return l.Listener.Close()
}

type brokenConn struct {
	core.Conn
	fault string

	last     []byte
	retained sync.WaitGroup
}

func (c *brokenConn) Send(ctx context.Context, frames [][]byte) error {
	switch c.fault {
	case "deaf send":
		ctx = context.WithoutCancel(ctx)
	case "modifies":
		for _, frame := range frames {
			scribble(frame[:min(len(frame), 1)])
		}
	case "retains":
		c.retained.Go(func() {
			<-time.After(20 * time.Millisecond)
			c.Conn.Send(ctx, frames)
		})
		return nil
	case "drops empty":
		var full [][]byte
		for _, frame := range frames {
			if len(frame) > 0 {
				full = append(full, frame)
			}
		}
		frames = full
	case "reorders":
		if len(frames) > 1 {
			frames = append([][]byte{frames[1], frames[0]}, frames[2:]...)
		}
	case "twice":
		frames = append(frames[:len(frames):len(frames)], frames...)
	case "merges":
		var all []byte
		for _, frame := range frames {
			all = append(all, frame...)
		}
		frames = [][]byte{all}
	}
	err := c.Conn.Send(ctx, frames)
	if err != nil && c.fault == "other errors" {
		return errors.New("something")
	}
	return err
}

func (c *brokenConn) Recv() ([]byte, error) {
	switch c.fault {
	case "read-ahead":
		return c.readAhead()
	case "adjacent":
		return c.adjacent()
	}
	frame, err := c.Conn.Recv()
	switch {
	case err != nil && c.fault == "other errors":
		return nil, errors.New("something")
	case err != nil && c.fault == "always closed":
		return nil, net.ErrClosed
	case c.fault == "truncates" && len(frame) > 65_535:
		return frame[:65_535], nil
	case c.fault == "unlimited" && errors.Is(err, core.ErrTooLarge):
		return make([]byte, 10), nil
	}
	return frame, err
}

// LimitReads is always broken: it does nothing.
func (c *brokenConn) LimitReads(int) {}

// readAhead returns a frame in a buffer that it soon uses again.
func (c *brokenConn) readAhead() ([]byte, error) {
	frame, err := c.Conn.Recv()
	if err != nil {
		return nil, err
	}
	c.last = append(c.last[:0], frame...)
	last := c.last
	c.retained.Go(func() { <-time.After(10 * time.Millisecond); scribble(last) })
	return last, nil
}

// adjacent returns two frames one after the other, in one buffer.
func (c *brokenConn) adjacent() ([]byte, error) {
	if second := c.last; second != nil {
		c.last = nil
		return second, nil
	}
	frame, err := c.Conn.Recv()
	if err != nil {
		return nil, err
	}
	first := len(frame)
	both := bytes.Clone(frame)
	if frame, err = c.Conn.Recv(); err != nil {
		return nil, err
	}
	both = append(both, frame...)
	c.last = both[first:]
	return both[:first], nil
}

func (c *brokenConn) Close(reason core.CloseReason) error {
	defer c.retained.Wait()
	switch c.fault {
	case "mute close":
		reason = core.CloseReason{Code: 1000}
	case "cuts text":
		reason.Text = strings.ToValidUTF8(reason.Text[:min(len(reason.Text), 100)], "")
	case "slow close":
		<-time.After(700 * time.Millisecond)
	case "no close":
		return nil
	}
	return c.Conn.Close(reason)
}
