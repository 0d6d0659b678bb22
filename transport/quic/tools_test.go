package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

// patience bounds the time that anything may take that has to happen.
const patience = 30 * time.Second

// quick are options for tests that close what nobody reads.
var quick = Options{AuthToken: "secret", CloseTimeout: 50 * time.Millisecond, HandshakeTimeout: 30 * time.Second, MaxFrame: 1 << 20}

// shared is a transport with those options, whose authority is derived once.
var shared = sync.OnceValue(func() *Transport { return New(quick) })

// like is a transport with other options and shared's credentials.
func like(options Options) *Transport {
	t := New(options)
	t.identity = shared().identity
	return t
}

// listen opens a listener on a port of its own.
func listen(t *testing.T, transport *Transport) *listener {
	t.Helper()
	l, err := transport.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*listener)
}

func accept(t *testing.T, l core.Listener) *conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(core.CloseShutdown) })
	return c.(*conn)
}

func dial(t *testing.T, transport *Transport, addr string) (*conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close(core.CloseShutdown) })
	return c.(*conn), nil
}

// pair returns both ends of a connection.
func pair(t *testing.T, transport *Transport) (dialled, accepted *conn) {
	t.Helper()
	l := listen(t, transport)
	dialled, err := dial(t, transport, l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accept(t, l)
}

// wantWorks checks that a listener still serves.
func wantWorks(t *testing.T, l core.Listener) {
	t.Helper()
	dialled, err := dial(t, shared(), l.Addr())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	accepted := accept(t, l)
	wantEcho(t, dialled, accepted)
	closeBoth(dialled, accepted)
}

// wantEcho checks that a connection works in both directions.
func wantEcho(t *testing.T, a, b core.Conn) {
	t.Helper()
	for _, way := range [][2]core.Conn{{a, b}, {b, a}} {
		send(t, way[0], "works")
		wantRecv(t, way[1], "works")
	}
}

func closeBoth(a, b core.Conn) {
	var closing sync.WaitGroup
	closing.Go(func() { a.Close(core.CloseShutdown) })
	b.Close(core.CloseShutdown)
	closing.Wait()
}

func send(t *testing.T, c core.Stream, frame string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Send(ctx, [][]byte{[]byte(frame)}); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

// wantRecv checks what comes next.
func wantRecv(t *testing.T, c core.Stream, want string) {
	t.Helper()
	if got, err := c.Recv(); err != nil || string(got) != want {
		t.Fatalf("Recv: got %q, %v, want %q", got, err, want)
	}
}

// stranger dials a listener with the plain library.
func stranger(t *testing.T, addr string, config *tls.Config) (*quicgo.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := shared().newSocket(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.release)
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.quic.Dial(ctx, to, config, &quicgo.Config{KeepAlivePeriod: time.Second})
	if err == nil {
		t.Cleanup(func() { c.CloseWithError(0, "") })
	}
	return c, err
}

// member is the configuration of a stranger that has the token.
func member(t *testing.T) *tls.Config {
	t.Helper()
	known, err := shared().credentials()
	if err != nil {
		t.Fatal(err)
	}
	return known.dialler.Clone()
}

// impostor is a stranger that has the token and sends a preface. It goes on
// with bytes of its own on the stream that it has opened.
func impostor(t *testing.T, l core.Listener, preface string) (*quicgo.Conn, *quicgo.SendStream) {
	t.Helper()
	c, err := stranger(t, l.Addr(), member(t))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Write([]byte(preface)); err != nil {
		t.Fatal(err)
	}
	return c, stream
}

// eightStreams is a preface.
const eightStreams = "\x02\x08"

// endOf waits for the end of a stranger's connection, and returns the code that
// it was closed with.
func endOf(t *testing.T, c *quicgo.Conn) quicgo.ApplicationErrorCode {
	t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(patience):
		t.Fatal("a stranger's connection has not ended")
	}
	var closed *quicgo.ApplicationError
	if err := context.Cause(c.Context()); !errors.As(err, &closed) || !closed.Remote {
		t.Fatalf("a stranger's connection ends with %v", err)
	}
	return closed.ErrorCode
}

// logs is a logger, and what it has logged.
type logs struct {
	mu   sync.Mutex
	buf  strings.Builder
	more chan struct{}
}

func newLogs() *logs { return &logs{more: make(chan struct{}, 1)} }

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// wait returns the log as soon as it has all of the words.
func (l *logs) wait(t *testing.T, words ...string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		text, missing := l.String(), ""
		for _, word := range words {
			if !strings.Contains(text, word) {
				missing = word
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-l.more:
		case <-deadline:
			t.Fatalf("log lacks %q: %s", missing, text)
		}
	}
}

// closeReason is what a CloseError says.
func closeReason(err error) (core.CloseReason, bool) {
	var closed *core.CloseError
	if !errors.As(err, &closed) {
		return core.CloseReason{}, false
	}
	return closed.CloseReason, true
}

// wantWords checks what an error says.
func wantWords(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not say %q", err, word)
		}
	}
}
