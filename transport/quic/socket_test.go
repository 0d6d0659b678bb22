package quic

import (
	"bytes"
	"errors"
	"log"
	"net"
	"testing"
)

// A dialled connection closes its socket.
func TestDialledConnectionsOwnTheirSockets(t *testing.T) {
	l := listen(t, shared())
	var dialled, accepted []*conn
	for range 2 {
		c, err := dial(t, shared(), l.Addr())
		if err != nil {
			t.Fatal(err)
		}
		dialled, accepted = append(dialled, c), append(accepted, accept(t, l))
	}
	closeBoth(dialled[0], accepted[0])
	if isBound(dialled[0].socket) {
		t.Error("the socket of a closed connection is open")
	}
	wantEcho(t, dialled[1], accepted[1])
	if !isBound(dialled[1].socket) {
		t.Error("the socket of a connection is not open")
	}
	closeBoth(dialled[1], accepted[1])
}

// isBound tells whether the socket is open.
func isBound(s *socket) bool {
	c, err := net.ListenPacket("udp", s.udp.LocalAddr().String())
	if err == nil {
		c.Close()
	}
	return err != nil
}

// A socket that breaks ends its connections, and the listener says so.
func TestBrokenSockets(t *testing.T) {
	l := listen(t, shared())
	dialled, err := dial(t, shared(), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	accepted := accept(t, l)
	dialled.socket.udp.Close()
	if _, err := dialled.Recv(); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("Recv: got %v, want an error that is not net.ErrClosed", err)
	}
	l.socket.udp.Close()
	if _, err := accepted.Recv(); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("Recv: got %v, want an error that is not net.ErrClosed", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: got %v, want net.ErrClosed", err)
	}
}

// The port stays in use as long as accepted connections do.
func TestAcceptedConnectionsHoldThePort(t *testing.T) {
	l := listen(t, shared())
	dialled, err := dial(t, shared(), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	accepted := accept(t, l)
	l.Close()
	if !isBound(l.socket) {
		t.Error("the port is free, and there is a connection")
	}
	wantEcho(t, dialled, accepted)
	closeBoth(dialled, accepted)
	if isBound(l.socket) {
		t.Error("the port is not free")
	}
}

// The library's own complaints do not reach the process's logger.
func TestNothingIsWrittenToTheStandardLogger(t *testing.T) {
	var out bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&out)
	transport := like(quick)
	s, err := transport.newSocket(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.quic.Listen(member(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s.release()
	if out.Len() > 0 {
		t.Errorf("got %q", out.String())
	}
	// Where buffers may be large there is nothing to complain of. So make sure that
	// the library could not know.
	if !s.udp.buffered.Load() {
		t.Error("the library has asked for the sizes of the buffers")
	}
}
