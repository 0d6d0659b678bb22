package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/discoverytest"
)

// listening starts a service on a real socket, and returns its URL.
func listening(t *testing.T, o ServerOptions) (*Server, string) {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	s := NewServer(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, s) })
	if o.TLS != nil {
		return s, "wss://" + s.Addr()
	}
	return s, "ws://" + s.Addr()
}

func TestConformance(t *testing.T) {
	discoverytest.Run(t, discoverytest.Features{Announces: true}, func(t *testing.T) func() core.Discovery {
		_, url := listening(t, ServerOptions{AuthToken: "t"})
		return func() core.Discovery { return NewClient(ClientOptions{URL: url, AuthToken: "t"}) }
	})
}

// TestMounted runs the conformance suite against a service in somebody else's
// HTTP server.
func TestMounted(t *testing.T) {
	discoverytest.Run(t, discoverytest.Features{Announces: true}, func(t *testing.T) func() core.Discovery {
		s := NewServer(ServerOptions{})
		host := httptest.NewServer(s)
		t.Cleanup(func() {
			shutdown(t, s)
			host.Close()
		})
		return func() core.Discovery {
			return NewClient(ClientOptions{URL: "ws" + strings.TrimPrefix(host.URL, "http") + "/discovery"})
		}
	})
}

func TestTLS(t *testing.T) {
	donor := httptest.NewTLSServer(nil)
	defer donor.Close()
	roots := x509.NewCertPool()
	roots.AddCert(donor.Certificate())
	_, url := listening(t, ServerOptions{TLS: &tls.Config{Certificates: donor.TLS.Certificates}})

	client := NewClient(ClientOptions{URL: url, TLS: &tls.Config{RootCAs: roots}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client.Run(ctx, a, func([]core.Peer) { cancel() })
	if context.Cause(ctx) != context.Canceled {
		t.Error("not registered over TLS")
	}
}

// TestWrongScheme: a node that dials ws:// where the service has TLS, or wss:// where it
// has none, is told what to dial, and so is the service's operator.
func TestWrongScheme(t *testing.T) {
	donor := httptest.NewTLSServer(nil)
	defer donor.Close()
	for _, c := range []struct {
		tls                *tls.Config
		scheme             string
		atNode, atOperator string
	}{
		{&tls.Config{Certificates: donor.TLS.Certificates}, "ws://", "this port speaks TLS: dial wss://", "this port speaks TLS: dial wss://"},
		{nil, "wss://", "the service does not speak TLS: dial ws://", "a TLS handshake at a port without TLS: dial ws://"},
	} {
		t.Run(c.scheme, func(t *testing.T) {
			operator := new(logRecord)
			s, _ := listening(t, ServerOptions{TLS: c.tls, Logger: operator.logger()})
			client := NewClient(ClientOptions{URL: c.scheme + s.Addr()})
			for range 3 { // of which the operator is told once
				r := &replica{Client: client, url: client.urls[0], self: a, log: operator.logger()}
				err := r.runSession(t.Context(), func([]core.Peer) { t.Error("registered") })
				if err == nil || !strings.Contains(err.Error(), c.atNode) {
					t.Errorf("the node is told %v, want %s", err, c.atNode)
				}
			}
			if n := operator.count(slog.LevelWarn, c.atOperator); n != 1 {
				t.Errorf("the operator is told %d times, want once:\n%s", n, operator.lines)
			}
		})
	}
}

// TestThousandSilentConnections: a thousand connections say nothing, half of them do
// not even ask for a WebSocket. A node can register meanwhile, and all of them are
// closed in the end.
func TestThousandSilentConnections(t *testing.T) {
	s, url := listening(t, ServerOptions{MaxPending: 100, RegisterTimeout: 2 * time.Second})
	var all []net.Conn
	for range 500 {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		all = append(all, conn)
	}
	for range 500 {
		conn, _, err := websocket.DefaultDialer.Dial(url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		all = append(all, conn.NetConn())
	}
	if pending := s.Stats().Pending; pending > 100 {
		t.Errorf("%d connections are pending: the limit is 100", pending)
	}
	node := visit(t, url, new(net.Dialer).DialContext)
	node.register(a, "")
	node.wantRoster(a)

	deadline := time.Now().Add(patience)
	for i, conn := range all {
		conn.SetReadDeadline(deadline)
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Fatalf("connection %d is still open", i)
		}
	}
	node.register(b, "")
	node.wantRoster(b)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TestGarbageOnThePort: what does not speak HTTP, or asks for no WebSocket, or
// comes from a web page of another origin, is turned away.
func TestGarbageOnThePort(t *testing.T) {
	book := new(logRecord)
	s, url := listening(t, ServerOptions{Logger: book.logger()})
	for _, request := range []string{
		"\x00\x01\x02\x03\r\n\r\n",
		"\xc0",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nslow",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, request)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		if strings.Contains(string(answer), " 101 ") {
			t.Errorf("%q was answered with %q", request, answer)
		}
		conn.Close()
	}
	node := visit(t, url, new(net.Dialer).DialContext)
	node.register(a, "")
	node.wantRoster(a)
	if n := book.count(slog.LevelWarn, ""); n != 0 {
		t.Errorf("%d warnings for strangers", n)
	}
}

// TestManyNodesAtOnce: a hundred nodes register at once. Each has the full roster in
// the end, in the same order.
func TestManyNodesAtOnce(t *testing.T) {
	const nodes = 100
	_, url := listening(t, ServerOptions{})
	full := make(chan []core.Peer, nodes)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, nodes)
	for i := range nodes {
		go func() {
			seen := false
			ended <- NewClient(ClientOptions{URL: url}).Run(ctx, peer(string(rune('A'+i)), i+1), func(roster []core.Peer) {
				if len(roster) == nodes && !seen {
					seen = true
					full <- roster
				}
			})
		}()
	}
	deadline := time.After(patience)
	var first []core.Peer
	for range nodes {
		select {
		case roster := <-full:
			if first == nil {
				first = roster
			}
			for i := range roster {
				if roster[i] != first[i] {
					t.Fatalf("two orders of registration: %v and %v", roster, first)
				}
			}
		case <-deadline:
			t.Fatal("not everybody has the full roster")
		}
	}
	cancel()
	for range nodes {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
