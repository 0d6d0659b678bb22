package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
)

// addressed is a transport whose accepted connections come from one IP address.
type addressed struct {
	core.Transport
	remote string
}

func (a addressed) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := a.Transport.Listen(ctx, addr)
	return addressedListener{l, a.remote}, err
}

type addressedListener struct {
	core.Listener
	remote string
}

func (l addressedListener) Accept() (core.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return addressedConn{conn, l.remote}, nil
}

type addressedConn struct {
	core.Conn
	remote string
}

func (c addressedConn) RemoteAddr() string { return c.remote }

// TestFailedHandshakesAreLimited: an address from which many handshakes have failed is
// refused at once, for as long as that takes to be forgotten.
func TestFailedHandshakesAreLimited(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", withToken("secret"), func(cfg *core.Config) { cfg.Transport = addressed{cfg.Transport, "192.0.2.1:4000"} })
		guess := func() core.CloseReason {
			conn := w.dial("a")
			conn.Send(t.Context(), [][]byte{node.HelloFrame("q", "mem://q", "guess")}) // it may be closed already
			return closedWith(t, conn)
		}
		for range 64 {
			expect(t, "closed with", guess(), core.CloseHelloInvalid)
		}
		for range 100 {
			expect(t, "closed with", guess(), core.CloseBusy)
		}
		expect(t, "unauthorized", a.Stats().RefusalReasons["unauthorized"], 64)
		expect(t, "rate-limited", a.Stats().RefusalReasons["rate-limited"], 100)
		time.Sleep(time.Second)
		for range 4 {
			expect(t, "a second later", guess(), core.CloseHelloInvalid)
		}
		expect(t, "closed with", guess(), core.CloseBusy)
		time.Sleep(time.Minute)
		b := w.start("0", withToken("secret"))
		within(time.Second)
		expectMembers(t, a, b)
	})
}
