package node_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// gated is a transport whose connections wait at a gate after they have sent or
// received a WELCOME.
type gated struct {
	core.Transport
	sent, received chan struct{} // nil to go on at once
}

const welcome = 2 // the kind of its frame

func (h gated) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := h.Transport.Listen(ctx, addr)
	return gatedListener{l, h}, err
}

func (h gated) Dial(ctx context.Context, addr string) (core.Conn, error) {
	c, err := h.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return gatedConn{c, h}, nil
}

type gatedListener struct {
	core.Listener
	gated
}

func (l gatedListener) Accept() (core.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return gatedConn{c, l.gated}, nil
}

type gatedConn struct {
	core.Conn
	gated
}

func (c gatedConn) Send(ctx context.Context, frames [][]byte) error {
	err := c.Conn.Send(ctx, frames)
	if frames[0][0] == welcome && c.sent != nil {
		<-c.sent
	}
	return err
}

func (c gatedConn) Recv() ([]byte, error) {
	frame, err := c.Conn.Recv()
	if err == nil && frame[0] == welcome && c.received != nil {
		<-c.received
	}
	return frame, err
}

// Messages on a new link do not overtake those on the link that it replaces, even if
// the receiver has not finished the handshake of the older one.
func TestNewLinkWaitsForOneThatComesUp(t *testing.T) {
	t.Run("acceptor", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			gate := make(chan struct{})
			w := newWorld(t)
			w.roster.Tell()
			a := w.start("a", func(cfg *core.Config) { cfg.Transport = gated{cfg.Transport, gate, nil} })
			b := w.start("b", statically("a"))
			w.replaceFirstLink(b, a, gate)
		})
	})
	t.Run("dialler", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			gate := make(chan struct{})
			w := newWorld(t)
			w.roster.Tell()
			a := w.start("a")
			b := w.start("b", statically("a"), func(cfg *core.Config) { cfg.Transport = gated{cfg.Transport, nil, gate} })
			w.replaceFirstLink(a, b, gate)
		})
	})
}

// replaceFirstLink has one node send to another, first on a link that b has dialled
// and then on one of a's, while the other is held up at the gate.
func (w *world) replaceFirstLink(sender, receiver *server, gate chan struct{}) {
	w.t.Helper()
	synctest.Wait()
	expect(w.t, "links of the sender", sender.Links(receiver.ID()), 1)
	expect(w.t, "links of the receiver", receiver.Links(sender.ID()), 0)
	sender.emit("1", "2")
	w.roster.Tell(core.Peer{Address: "mem://b"}) // a dials too, and being smaller its link stays
	within(100 * time.Millisecond)
	expect(w.t, "links of the receiver", receiver.Links(sender.ID()), 1)
	sender.emit("3", "4")
	within(100 * time.Millisecond)
	expectList(w.t, "received while the first link comes up", receiver.received())
	close(gate)
	within(time.Second)
	from := sender.ID() + ": "
	expectList(w.t, "received", receiver.received(), from+"1", from+"2", from+"3", from+"4")
	expect(w.t, "links", receiver.Links(sender.ID()), 1)
}
