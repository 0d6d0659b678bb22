package ws

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/wsframe"
)

// patience bounds how long anything may take that has to happen.
const patience = 30 * time.Second

// listen opens a listener on a port of its own.
func listen(t *testing.T, options Options) core.Listener {
	t.Helper()
	l, err := New(options).Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// quick are options for tests that close what nobody reads.
var quick = Options{CloseTimeout: 50 * time.Millisecond, MaxFrame: 1 << 20}

func accept(t *testing.T, l core.Listener) core.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(core.CloseShutdown) })
	return c
}

func dial(t *testing.T, addr string) (core.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := New(quick).Dial(ctx, addr)
	if err == nil {
		t.Cleanup(func() { c.Close(core.CloseShutdown) })
	}
	return c, err
}

// stranger dials a listener with the plain library.
func stranger(t *testing.T, l core.Listener, header http.Header) (*websocket.Conn, *http.Response) {
	t.Helper()
	c, response, err := websocket.DefaultDialer.Dial("ws://"+l.Addr()+"/any/path?at=all", header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(patience))
	return c, response
}

// raw opens a TCP connection and writes something.
func raw(t *testing.T, addr, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c
}

// hungUp returns when the other end has closed the connection. After some answers
// net/http closes only its own direction at first, and the rest half a second later.
func hungUp(t *testing.T, c net.Conn) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		switch _, err := c.Write([]byte{0}); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.Fatal("the other end stays open")
		case err != nil:
			return
		}
		<-tick.C
	}
}

// wantWorks checks that a listener still serves.
func wantWorks(t *testing.T, l core.Listener) {
	t.Helper()
	dialled, err := dial(t, "ws://"+l.Addr())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	accepted := accept(t, l)
	if err := dialled.Send(t.Context(), [][]byte{[]byte("works")}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if got, err := accepted.Recv(); err != nil || string(got) != "works" {
		t.Fatalf("Recv: got %q, %v", got, err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		dialled.Close(core.CloseShutdown)
	}()
	accepted.Close(core.CloseShutdown)
	<-closed
}

// wantRecv checks what comes next.
func wantRecv(t *testing.T, c core.Conn, want string) {
	t.Helper()
	if got, err := c.Recv(); err != nil || string(got) != want {
		t.Fatalf("Recv: got %q, %v, want %q", got, err, want)
	}
}

// serve runs an HTTP server that is not ours.
func serve(t *testing.T, handler http.HandlerFunc) (addr string) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(socket)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return socket.Addr().String()
}

// script is a network connection on which the peer has sent something and then
// left. What is written to it is kept.
type script struct {
	in io.Reader

	mu     sync.Mutex
	writes [][]byte
}

func (s *script) Read(b []byte) (int, error) { return s.in.Read(b) }

func (s *script) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, bytes.Clone(b))
	return len(b), nil
}

func (s *script) written() []byte { return bytes.Join(s.writes, nil) }

func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// Header, WriteHeader and Hijack let a script be upgraded.
func (*script) Header() http.Header { return http.Header{} }
func (*script) WriteHeader(int)     {}
func (s *script) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return s, bufio.NewReadWriter(bufio.NewReader(s), bufio.NewWriter(s)), nil
}

// scripted is the accepting end of a connection whose peer sends src and leaves.
func scripted(t testing.TB, src []byte, maxFrame int) (*conn, *script) {
	t.Helper()
	s := &script{in: bytes.NewReader(src)}
	request := &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"dGhlIHNhbXBsZSBub25jZQ=="},
	}}
	options := New(Options{MaxFrame: maxFrame}).options
	a := newAcceptor(&options)
	a.ServeHTTP(s, request)
	c, err := a.queue.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.writes = nil
	return c, s
}

// masked is a frame as diallers send them, with a first byte of the test's.
func masked(first byte, payload string) []byte {
	key := wsframe.NewKey()
	frame := wsframe.AppendMaskedHeader(nil, 0, len(payload), key)
	frame[0] = first
	begin := len(frame)
	frame = append(frame, payload...)
	key.Mask(frame[begin:], frame[begin:])
	return frame
}

// closeReason is what a CloseError says.
func closeReason(err error) (core.CloseReason, bool) {
	var closed *core.CloseError
	if !errors.As(err, &closed) {
		return core.CloseReason{}, false
	}
	return closed.CloseReason, true
}
