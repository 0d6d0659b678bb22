package ws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

func TestDialRefusesAddresses(t *testing.T) {
	for _, addr := range []string{"", "ws://", "http://127.0.0.1:1", "mem://a", "ws://user:secret@127.0.0.1:1", "ws://127.0.0.1:99999", "ws://[::1", "ws://a b", "\x00"} {
		c, err := dial(t, addr)
		if err == nil {
			c.Close(core.CloseShutdown)
		}
		if err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("Dial %q: got error %v, want one that names it", addr, err)
		}
	}
}

func TestDialTakesAddresses(t *testing.T) {
	l := listen(t, quick)
	for _, addr := range []string{l.Addr(), "ws://" + l.Addr(), "ws://" + l.Addr() + "/", "ws://" + l.Addr() + "/mesh?x=1#y"} {
		c, err := dial(t, addr)
		if err != nil {
			t.Errorf("Dial %q: %v", addr, err)
			continue
		}
		if !c.(core.NativeReporter).Native() {
			t.Errorf("Dial %q: the acceptor passes for a reference peer", addr)
		}
		accept(t, l)
	}
}

// A server without our header counts as a node of the reference.
func TestDialReferencePeer(t *testing.T) {
	ended := make(chan error, 1)
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for _, header := range []string{"Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} {
			if got := r.Header.Get(header); got != "" {
				t.Errorf("request has %s: %s", header, got)
			}
		}
		c, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			ended <- err
			return
		}
		defer c.Close()
		_, got, err := c.ReadMessage()
		if err != nil || string(got) != "hello" {
			t.Errorf("server got %q, %v", got, err)
		}
		c.WriteMessage(websocket.BinaryMessage, []byte("answer"))
		_, _, err = c.ReadMessage()
		ended <- err
	})
	c, err := dial(t, "ws://"+addr)
	if err != nil {
		t.Fatal(err)
	}
	if c.(core.NativeReporter).Native() {
		t.Error("Native: got true for a server without the header")
	}
	if err := c.Send(t.Context(), [][]byte{[]byte("hello")}); err != nil {
		t.Fatal(err)
	}
	wantRecv(t, c, "answer")
	c.Close(core.CloseShutdown)
	if err := <-ended; !websocket.IsCloseError(err, 1000) || !strings.Contains(err.Error(), "transport-closed") {
		t.Errorf("server got %v, want 1000 transport-closed", err)
	}
}

func TestDialTellsTheStatus(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "go away", http.StatusTeapot) })
	_, err := dial(t, "ws://"+addr)
	if err == nil || !strings.Contains(err.Error(), "418") || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v, want an error with status and address", err)
	}
}

// tcp is a server that answers with some bytes again and again, or not at all.
func tcp(t *testing.T, answer string) (addr string, asked <-chan struct{}) {
	t.Helper()
	request := make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, err = c.Read(make([]byte, 1024))
		close(request)
		for err == nil && answer != "" {
			_, err = c.Write([]byte(answer))
		}
		for err == nil {
			_, err = c.Read(make([]byte, 1024))
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String(), request
}

// A dial ends with its context, also within the handshake, in which the library looks
// at deadlines only.
func TestDialIsCancelledInHandshake(t *testing.T) {
	addr, asked := tcp(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := New(Options{}).Dial(ctx, "ws://"+addr)
		ended <- err
	}()
	<-asked
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v, want context.Canceled and the address", err)
	}
}

func TestDialSurvivesBadServers(t *testing.T) {
	for name, answer := range map[string]string{
		"garbage":         "\x00\x01\x02\r\n\r\n",
		"endless header":  "HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", 1024),
		"endless headers": "X: " + strings.Repeat("x", 1024) + "\r\n",
		"wrong accept":    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			addr, _ := tcp(t, answer)
			if _, err := dial(t, "ws://"+addr); err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), addr) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// The acceptor works on any HTTP server, here one with TLS.
func TestDialTLS(t *testing.T) {
	options := New(quick).options
	a := newAcceptor(&options)
	server := httptest.NewTLSServer(a)
	defer server.Close()
	defer a.closeQueue(net.ErrClosed, func() {})

	addr := strings.Replace(server.URL, "https://", "wss://", 1)
	if _, err := dial(t, addr); err == nil {
		t.Error("Dial: no error for a certificate that nobody knows")
	}

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := quick
	trusting.TLS = &tls.Config{RootCAs: roots}
	dialled, err := New(trusting).Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := a.queue.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]core.Conn{{dialled, accepted}, {accepted, dialled}} {
		big := strings.Repeat("x", 300_000)
		sent := make(chan error, 1)
		go func() { sent <- way[0].Send(t.Context(), [][]byte{[]byte("small"), []byte(big)}) }()
		wantRecv(t, way[1], "small")
		wantRecv(t, way[1], big)
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		accepted.Close(core.CloseAddressChanged)
	}()
	_, err = dialled.Recv()
	if reason, _ := closeReason(err); reason != core.CloseAddressChanged {
		t.Errorf("Recv: got %v", err)
	}
	dialled.Close(core.CloseShutdown)
	<-closed
}
