package quic

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// relayed returns both ends of a connection that goes through a relay.
func relayed(t *testing.T, transport *Transport) (r *relay, dialled, accepted *conn) {
	t.Helper()
	l := listen(t, transport)
	r = newRelay(t, l.Addr())
	dialled, err := dial(t, transport, r.addr())
	if err != nil {
		t.Fatal(err)
	}
	return r, dialled, accept(t, l)
}

// A dialler keeps its connection when its address changes, between frames and while
// they are sent.
func TestDiallerMoves(t *testing.T) {
	r, dialled, accepted := relayed(t, shared())
	wantEcho(t, dialled, accepted)
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.1"} {
		addr := r.move(host)
		// The acceptor only learns of it from the dialler.
		send(t, dialled, "from somewhere else")
		wantRecv(t, accepted, "from somewhere else")
		wantEcho(t, dialled, accepted)
		wantRemoteAddr(t, dialled, accepted, addr)
	}

	const total = 200
	large := make([]byte, 10_000)
	for _, way := range [][2]core.Stream{{dialled.Stream(0), accepted.Stream(0)}, {accepted.Stream(0), dialled.Stream(0)}} {
		sent := make(chan error, 1)
		go func() {
			for range total {
				if err := way[0].Send(t.Context(), [][]byte{large}); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		var addr string
		for i := range total {
			if i == total/4 {
				addr = r.move("127.0.0.3")
				send(t, dialled, "still here") // an acceptor that only sends would wait
			}
			if _, err := way[1].Recv(); err != nil {
				t.Fatalf("Recv: frame %d: %v", i, err)
			}
		}
		if err := <-sent; err != nil {
			t.Fatalf("Send: %v", err)
		}
		wantRecv(t, accepted, "still here")
		wantRemoteAddr(t, dialled, accepted, addr)
	}
	closeBoth(dialled, accepted)
}

// wantRemoteAddr waits until the acceptor knows the dialler's address, which takes
// a round trip.
func wantRemoteAddr(t *testing.T, dialled, accepted *conn, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); accepted.RemoteAddr() != want; {
		if time.Now().After(deadline) {
			t.Fatalf("RemoteAddr: got %s, want %s", accepted.RemoteAddr(), want)
		}
		wantEcho(t, dialled, accepted)
	}
}

// impatient are options for tests of lost peers.
var impatient = Options{
	AuthToken:        "secret",
	HandshakeTimeout: 30 * time.Second,
	CloseTimeout:     100 * time.Millisecond,
	KeepAlive:        400 * time.Millisecond,
	IdleTimeout:      2 * time.Second,
}

// An idle connection stays; one that is cut is noticed.
func TestSilence(t *testing.T) {
	r, dialled, accepted := relayed(t, like(impatient))
	<-time.After(2 * impatient.IdleTimeout)
	wantEcho(t, dialled, accepted)
	r.lost.Store(true)
	began := time.Now()
	for _, c := range []*conn{dialled, accepted} {
		_, err := c.Recv()
		if _, ok := closeReason(err); ok || !errors.Is(err, core.ErrSilentPeer) || errors.Is(err, net.ErrClosed) {
			t.Errorf("Recv: got %v, want core.ErrSilentPeer", err)
		}
		if err := c.Stream(0).Send(t.Context(), [][]byte{{1}}); !errors.Is(err, core.ErrSilentPeer) {
			t.Errorf("Send: got %v, want core.ErrSilentPeer", err)
		}
	}
	if took := time.Since(began); took < impatient.IdleTimeout/2 {
		t.Errorf("silence was noticed after %v", took)
	}
}

// Close does not wait for a peer that cannot be reached.
func TestCloseOfCutConnection(t *testing.T) {
	options := impatient
	options.IdleTimeout = time.Minute
	r, dialled, accepted := relayed(t, like(options))
	r.lost.Store(true)
	send(t, dialled, "lost")
	began := time.Now()
	closeBoth(dialled, accepted)
	if took := time.Since(began); took < options.CloseTimeout || took > patience/2 {
		t.Errorf("Close took %v, with a limit of %v", took, options.CloseTimeout)
	}
}
