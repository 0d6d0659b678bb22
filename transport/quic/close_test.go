package quic

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

func TestReasonsAreWellFormed(t *testing.T) {
	for _, c := range []struct{ reason, want core.CloseReason }{
		{core.CloseReason{Code: 1000}, core.CloseReason{Code: 1000}},
		{core.CloseHelloTimeout, core.CloseHelloTimeout},
		{core.CloseReason{Code: 4999, Text: "x"}, core.CloseReason{Code: 4999, Text: "x"}},
		{core.CloseReason{}, core.CloseReason{Code: 1005}},
		{core.CloseReason{Code: 70000, Text: "x"}, core.CloseReason{Code: 1005}},
		{core.CloseReason{Code: -1}, core.CloseReason{Code: 1005}},
		{core.CloseReason{Code: 1000, Text: strings.Repeat("x", 200)}, core.CloseReason{Code: 1000, Text: strings.Repeat("x", 123)}},
		{core.CloseReason{Code: 1000, Text: strings.Repeat("€", 50)}, core.CloseReason{Code: 1000, Text: strings.Repeat("€", 41)}},
		{core.CloseReason{Code: 1000, Text: "y" + strings.Repeat("€", 50)}, core.CloseReason{Code: 1000, Text: "y" + strings.Repeat("€", 40)}},
		{core.CloseReason{Code: 1000, Text: "bad \xff"}, core.CloseReason{Code: 1000, Text: "bad ?"}},
	} {
		got := wellFormed(c.reason)
		if got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.reason, got, c.want)
		}
		if n := len(appendCloseFrame(nil, got, ^uint64(0))); n > maxCloseFrame {
			t.Errorf("%+v: close frame of %d bytes", c.reason, n)
		}
	}
}

// Send returns the peer's reason of the close, once it was read.
func TestSendAfterPeerClose(t *testing.T) {
	dialled, accepted := pair(t, shared())
	go dialled.Close(core.CloseSlowPeer)
	if _, err := accepted.Recv(); err == nil {
		t.Fatal("Recv: no error")
	}
	for _, q := range []core.Stream{accepted, accepted.Stream(3)} {
		err := q.Send(t.Context(), [][]byte{[]byte("too late")})
		if reason, _ := closeReason(err); reason != core.CloseSlowPeer {
			t.Errorf("Send: got %v, want the peer's reason", err)
		}
	}
}

// Close returns as soon as the peer has read everything.
func TestCloseEndsAsSoonAsItIsHeard(t *testing.T) {
	options := quick
	options.CloseTimeout = time.Minute
	dialled, accepted := pair(t, like(options))
	send(t, dialled.Stream(2), "last words")
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		accepted.Recv()
	}()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		dialled.Close(core.CloseShutdown)
	}()
	// The Conn's own end is not told before the stream has been read.
	select {
	case <-heard:
		t.Error("Recv has ended, and the stream has not been read")
	case <-time.After(50 * time.Millisecond):
	}
	wantRecv(t, accepted.Stream(2), "last words")
	if _, err := accepted.Stream(2).Recv(); err == nil {
		t.Error("Recv: no error")
	}
	for _, done := range []<-chan struct{}{heard, closed} {
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("Close waits on")
		}
	}
}

// If both ends close at once, neither waits for the other to read.
func TestBothClose(t *testing.T) {
	options := quick
	options.CloseTimeout = time.Minute
	dialled, accepted := pair(t, like(options))
	for _, c := range []*conn{dialled, accepted} {
		send(t, c, "not read")
		send(t, c.Stream(7), "not read")
	}
	began := time.Now()
	closeBoth(dialled, accepted)
	if took := time.Since(began); took > patience {
		t.Errorf("Close took %v", took)
	}
}

// Close does not wait until the peer's own unread streams are read.
func TestCloseWithUnreadStreams(t *testing.T) {
	options := quick
	options.CloseTimeout = time.Minute
	dialled, accepted := pair(t, like(options))
	send(t, dialled.Stream(0), "nobody reads this")
	go dialled.Close(core.CloseShutdown)
	for range 100 { // until the close frame is there
		if accepted.peerClosed() {
			break
		}
		go accepted.Recv()
		<-time.After(10 * time.Millisecond)
	}
	began := time.Now()
	closeBoth(dialled, accepted)
	if took := time.Since(began); took > patience {
		t.Errorf("Close took %v", took)
	}
}

// A close frame ends the connection, even if the peer does not end its streams.
func TestCloseReasonOfStranger(t *testing.T) {
	l := listen(t, shared())
	stranger, stream := impostor(t, l, eightStreams)
	accepted := accept(t, l)
	if _, err := stream.Write(appendCloseFrame(nil, core.CloseAddressChanged, 0)); err != nil {
		t.Fatal(err)
	}
	_, err := accepted.Recv()
	if reason, _ := closeReason(err); reason != core.CloseAddressChanged {
		t.Errorf("Recv: got %v, want %v", err, core.CloseAddressChanged)
	}
	if code := endOf(t, stranger); code != 0 {
		t.Errorf("the stranger was told %d, want 0", code)
	}
}

// A peer that never reads gets the reason in QUIC's CONNECTION_CLOSE.
func TestCloseOfStalledConnection(t *testing.T) {
	l := listen(t, shared())
	stranger, _ := impostor(t, l, eightStreams)
	accepted := accept(t, l)
	full := make(chan error, 1)
	go func() {
		for {
			if err := accepted.Stream(0).Send(t.Context(), [][]byte{make([]byte, 1<<20)}); err != nil {
				full <- err
				return
			}
		}
	}()
	select {
	case err := <-full:
		t.Fatalf("Send: %v", err)
	case <-time.After(200 * time.Millisecond): // by then it blocks
	}
	accepted.Close(core.CloseSlowPeer)
	if err := <-full; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send: got %v, want net.ErrClosed", err)
	}
	if code := endOf(t, stranger); code != quicgo.ApplicationErrorCode(core.CloseSlowPeer.Code) {
		t.Errorf("the peer was told %d, want %d", code, core.CloseSlowPeer.Code)
	}
}
