//go:build linux

package main

import (
	"context"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/socketmesh/mesh/core"
)

// The first bytes of frames, as docs/wire.md has them, written once more: if the code
// forgot one, a constant of the code would not tell.
const (
	frameHello   = 0x00
	frameMessage = 0x01
	frameWelcome = 0x02
	frameStart   = 0x03
	frameBatch   = 0x07
	frameFlush   = 0x09
	frameSync    = 0x0d
	frameAck     = 0x0e
)

// failpoint is a moment in the life of a server at which its process kills itself.
type failpoint struct {
	name string
	// sends is the frame that ends it when it has been sent, receives when it is there and
	// the node has not seen it yet; -1 for none. after is how many of them may pass.
	sends, receives int
	after           int
	// half: only the first half of what is handed to the connection at once is sent.
	half bool
	// resumed: only what follows a START on a link that takes the place of another one.
	resumed bool
	// rosters: it dies while a roster is applied, when so many came before. 0: not so.
	rosters int
	// provoke is what makes the moment come, some time after the server has started.
	provoke func(c *arena, f fault) error
}

var failpoints = []failpoint{
	{name: "HELLO is sent", sends: frameHello, receives: -1},
	{name: "WELCOME is there", sends: -1, receives: frameWelcome},
	{name: "SYNC is there", sends: -1, receives: frameSync, provoke: breakLinks},
	{name: "a resumed START is sent, and nothing else", sends: frameStart, receives: -1, resumed: true, provoke: breakLinks},
	{name: "the first message after a resumed START", sends: frameMessage, receives: -1, resumed: true, provoke: breakLinks},
	{name: "the first batch after a resumed START", sends: frameBatch, receives: -1, resumed: true, provoke: breakLinks},
	{name: "half of what waits is sent", sends: frameMessage, receives: -1, half: true, provoke: breakLinks},
	{name: "ACK is sent", sends: frameAck, receives: -1, after: 2, provoke: breakLinks},
	{name: "it leaves, and FLUSH is sent", sends: frameFlush, receives: -1, provoke: func(c *arena, f fault) error {
		return c.running[f.a].cmd.Process.Signal(syscall.SIGTERM)
	}},
	{name: "a roster is applied", sends: -1, receives: -1, rosters: 1, provoke: func(c *arena, f fault) error {
		if err := c.leave(f.b); err != nil { // which changes the roster
			return err
		}
		return c.start(f.b)
	}},
}

// breakLinks resets the links of the server for as long as a batch takes to gather.
func breakLinks(c *arena, f fault) error {
	for host := range c.Servers {
		c.net.reset[[2]int{host, f.a}] = true
	}
	if err := c.net.apply(); err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond)
	return c.net.heal()
}

func failpointNames() []string {
	names := make([]string, len(failpoints))
	for i := range failpoints {
		names[i] = failpoints[i].name
	}
	return names
}

// kill ends the process without a word.
func kill() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing of this goroutine happens any more
}

// trap watches the frames of a server for its failpoint.
type trap struct {
	*failpoint
	passed atomic.Int64
	kill   func()
}

// newTrap finds a failpoint by its name; nil if there is none.
func newTrap(name string) *trap {
	if i := slices.Index(failpointNames(), name); i >= 0 {
		return &trap{failpoint: &failpoints[i], kill: kill}
	}
	return nil
}

// spring kills the process if enough have passed.
func (t *trap) spring() {
	if t.passed.Add(1) > int64(t.after) {
		t.kill()
	}
}

func is(frame []byte, kind int) bool { return len(frame) > 0 && int(frame[0]) == kind }

// trappedTransport hands out connections that the trap watches. It is what ws and quic
// are, beside.
type trappedTransport struct {
	core.Transport
	core.Schemer
	core.PeerVerifier
	trap *trap
}

func (t *trap) transport(inner core.Transport) core.Transport {
	if t == nil {
		return inner
	}
	return trappedTransport{inner, inner.(core.Schemer), inner.(core.PeerVerifier), t}
}

func (t trappedTransport) Dial(ctx context.Context, addr string) (core.Conn, error) {
	c, err := t.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return t.trap.conn(c), nil
}

func (t trappedTransport) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := t.Transport.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	return trappedListener{l, l.(core.RefusalNotifier), t.trap}, nil
}

type trappedListener struct {
	core.Listener
	core.RefusalNotifier
	trap *trap
}

func (l trappedListener) Accept() (core.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.trap.conn(c), nil
}

// watched is what a connection and each of its streams have in common.
type watched struct {
	core.Stream
	trap *trap
	link *link
}

// link is what is known of a connection.
type link struct{ synced, started atomic.Bool }

func (w watched) Send(ctx context.Context, frames [][]byte) error {
	t := w.trap
	for i, frame := range frames {
		if is(frame, frameSync) {
			w.link.synced.Store(true)
		}
		if is(frame, frameStart) {
			w.link.started.Store(true)
		}
		if !is(frame, t.sends) || t.resumed && !(w.link.synced.Load() && w.link.started.Load()) || t.half && len(frames) < 2 {
			continue
		}
		last := i + 1
		if t.half {
			last = max(1, len(frames)/2)
		}
		if err := w.Stream.Send(ctx, frames[:last]); err != nil {
			return err
		}
		t.spring()
		frames = frames[last:]
		return w.Send(ctx, frames)
	}
	if len(frames) == 0 {
		return nil
	}
	return w.Stream.Send(ctx, frames)
}

func (w watched) Recv() ([]byte, error) {
	frame, err := w.Stream.Recv()
	if err == nil && is(frame, w.trap.receives) {
		w.trap.spring()
	}
	if is(frame, frameSync) {
		w.link.synced.Store(true)
	}
	return frame, err
}

// trappedConn is a connection over ws, and trappedStreams one over quic.
type (
	trappedConn struct {
		watched
		rest
	}
	trappedStreams struct {
		trappedConn
		multi core.MultiStream
	}
	// rest is what the trap does not watch.
	rest interface {
		RemoteAddr() string
		Close(core.CloseReason) error
		core.ReadLimiter
		core.Certified
	}
)

func (t *trap) conn(inner core.Conn) core.Conn {
	c := trappedConn{watched{inner, t, &link{}}, inner.(rest)}
	if multi, ok := inner.(core.MultiStream); ok {
		return trappedStreams{c, multi}
	}
	return c
}

func (c trappedStreams) Streams() int { return c.multi.Streams() }

func (c trappedStreams) Stream(i int) core.Stream {
	return watched{c.multi.Stream(i), c.trap, c.link}
}

// trappedDiscovery dies with a roster in its hands: half of what the node does with one is
// done by then, or all of it.
type trappedDiscovery struct {
	core.Discovery
	trap *trap
}

func (t *trap) discovery(inner core.Discovery) core.Discovery {
	if t == nil || t.rosters == 0 {
		return inner
	}
	return trappedDiscovery{inner, t}
}

func (d trappedDiscovery) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	return d.Discovery.Run(ctx, self, func(peers []core.Peer) {
		if d.trap.passed.Add(1) > int64(d.trap.rosters) {
			go d.trap.kill()
		}
		update(peers)
	})
}
