package service

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// patience is how long tests wait for what has to happen: virtual time in bubbles, an
// upper bound elsewhere.
const patience = time.Minute

// foreign is a node that the test plays: it sends what the test says, and keeps what it
// receives.
type foreign struct {
	t     *testing.T
	conn  *websocket.Conn
	heard chan []byte // closed at the end of the connection
	end   error       // of the connection; after heard was closed
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// visit connects to the service, and keeps what it receives.
func visit(t *testing.T, url string, dial dialFunc) *foreign {
	t.Helper()
	f := visitSilently(t, url, dial)
	f.listen()
	return f
}

// visitSilently connects and reads nothing, not even pings, until listen.
func visitSilently(t *testing.T, url string, dial dialFunc) *foreign {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: dial, HandshakeTimeout: patience}
	conn, _, err := dialer.Dial(url, nil)
	if err != nil {
		t.Fatalf("connecting to the service: %v", err)
	}
	f := &foreign{t: t, conn: conn, heard: make(chan []byte, 1000)}
	t.Cleanup(func() { conn.Close() })
	return f
}

func (f *foreign) listen() {
	go func() {
		defer close(f.heard)
		for {
			_, message, err := f.conn.ReadMessage()
			if err != nil {
				f.end = err
				return
			}
			f.heard <- message
		}
	}()
	f.t.Cleanup(func() {
		f.conn.Close()
		for range f.heard {
		}
	})
}

func (f *foreign) say(message []byte) {
	f.t.Helper()
	f.sayAs(websocket.BinaryMessage, message)
}

func (f *foreign) sayAs(kind int, message []byte) {
	f.t.Helper()
	f.conn.SetWriteDeadline(time.Now().Add(patience))
	if err := f.conn.WriteMessage(kind, message); err != nil {
		f.t.Fatalf("writing to the service: %v", err)
	}
}

func (f *foreign) register(p core.Peer, token string) {
	f.t.Helper()
	f.say(appendRegister(nil, registration{Peer: p, token: token}))
}

// leave closes the connection as a node does, and waits for the service to
// agree, which it does with the code alone.
func (f *foreign) leave() {
	f.t.Helper()
	if err := sendClose(f.conn, closeLeaving); err != nil {
		f.t.Fatalf("leaving: %v", err)
	}
	f.wantEnd(core.CloseReason{Code: closeLeaving.Code})
}

// roster waits for the next update, and returns its peers.
func (f *foreign) roster() []core.Peer {
	f.t.Helper()
	select {
	case message, open := <-f.heard:
		if !open {
			f.t.Fatalf("the connection ended (%v): want an update", f.end)
		}
		roster, skipped, err := decodeUpdate(message, 1<<20)
		if err != nil || skipped > 0 {
			f.t.Fatalf("update does not decode: %v, %d skipped", err, skipped)
		}
		return roster
	case <-time.After(patience):
		f.t.Fatal("no update came")
	}
	return nil
}

func (f *foreign) wantRoster(want ...core.Peer) {
	f.t.Helper()
	if have := f.roster(); !slices.Equal(have, want) {
		f.t.Fatalf("roster is %v: want %v", have, want)
	}
}

// wantNothing checks that nothing was received so far.
func (f *foreign) wantNothing() {
	f.t.Helper()
	select {
	case message, open := <-f.heard:
		f.t.Fatalf("heard %x (open: %v, %v): want nothing", message, open, f.end)
	default:
	}
}

// wantEnd waits for the end of the connection, and checks its reason. Nothing else may
// come before.
func (f *foreign) wantEnd(want core.CloseReason) {
	f.t.Helper()
	select {
	case message, open := <-f.heard:
		if open {
			f.t.Fatalf("heard %x: want the end", message)
		}
	case <-time.After(patience):
		f.t.Fatal("the connection goes on")
	}
	var closed *core.CloseError
	if !errors.As(readError(f.end), &closed) || closed.CloseReason != want {
		f.t.Fatalf("connection ended with %v: want %v", f.end, want)
	}
}
