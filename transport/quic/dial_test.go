package quic

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

func TestDialRefusesAddresses(t *testing.T) {
	for _, addr := range []string{"", "quic://", "127.0.0.1", "ws://127.0.0.1:1", "mem://a", "quic://user:secret@127.0.0.1:1", "quic://127.0.0.1:99999", "quic://127.0.0.1:0", "quic://[::1", "quic://a b:1", "quic://:4000", "\x00"} {
		if _, err := dial(t, shared(), addr); err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("Dial %q: got error %v, want one that names it", addr, err)
		}
	}
}

func TestDialTakesAddresses(t *testing.T) {
	l := listen(t, shared())
	_, port, _ := net.SplitHostPort(l.Addr())
	for _, addr := range []string{l.Addr(), "quic://" + l.Addr(), "quic://" + l.Addr() + "/", "quic://localhost:" + port} {
		c, err := dial(t, shared(), addr)
		if err != nil {
			t.Errorf("Dial %q: %v", addr, err)
			continue
		}
		closeBoth(c, accept(t, l))
	}
}

// The addresses of a name are dialled one after the other, with a head start for each,
// or at once after a failure. The first that answers is used.
func TestAddressesAreDialledInARace(t *testing.T) {
	addresses := make([]netip.Addr, 4)
	for i := range addresses {
		addresses[i] = netip.AddrFrom4([4]byte{127, 0, 0, byte(i)})
	}
	dead, alive := errors.New("dead"), &conn{}
	for name, c := range map[string]struct {
		answers string // of each: . never, x dead, + alive
		want    error  // nil for a connection
		took    time.Duration
	}{
		"first":         {"+", nil, 0},
		"second":        {"x+", nil, 0},
		"after silence": {"..+", nil, 2 * headStart},
		"none":          {"xxx", dead, 0},
		"dead":          {"x", dead, 0},
		"silence":       {"...", context.DeadlineExceeded, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			got, err := race(ctx, addresses[:len(c.answers)], func(ctx context.Context, ip netip.Addr) (*conn, error) {
				switch c.answers[ip.As4()[3]] {
				case 'x':
					return nil, dead
				case '+':
					return alive, nil
				}
				<-ctx.Done()
				return nil, ctx.Err()
			})
			if !errors.Is(err, c.want) || (err == nil) != (got == alive) {
				t.Errorf("%s: got error %v, want %v", name, err, c.want)
			}
			if took := time.Since(began); took != c.took {
				t.Errorf("%s: took %v, want %v", name, took, c.took)
			}
		})
	}
}

// udp is a server that answers each packet with bytes of its own, or not at all.
func udp(t *testing.T, answer []byte) (addr string, asked <-chan struct{}) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for n := 0; ; n++ {
			_, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if n == 0 {
				close(first)
			}
			if answer != nil {
				c.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c.LocalAddr().String(), first
}

func TestDialIsCancelledInHandshake(t *testing.T) {
	addr, asked := udp(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := shared().Dial(ctx, addr)
		ended <- err
	}()
	<-asked
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v, want context.Canceled and the address", err)
	}
}

func TestDialSurvivesBadServers(t *testing.T) {
	transport := like(Options{AuthToken: "secret", HandshakeTimeout: 600 * time.Millisecond})
	for name, answer := range map[string][]byte{
		"silence":         nil,
		"nothing":         {},
		"garbage":         []byte(strings.Repeat("garbage", 200)),
		"long header":     append([]byte{0xC0, 0, 0, 0, 1, 8}, make([]byte, 1200)...),
		"other version":   append([]byte{0x80, 0, 0, 0, 0, 0}, make([]byte, 30)...),
		"reset lookalike": append([]byte{0x40}, make([]byte, 60)...),
	} {
		t.Run(name, func(t *testing.T) {
			addr, _ := udp(t, answer)
			_, err := dial(t, transport, addr)
			if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), addr) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// A dial fails in time if the acceptor completes TLS and sends nothing.
func TestDialWaitsForIntroduction(t *testing.T) {
	s, err := shared().newSocket(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	known, err := shared().credentials()
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.quic.Listen(known.acceptor, shared().options.config())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	transport := like(Options{AuthToken: "secret", HandshakeTimeout: 4 * time.Second})
	if _, err = dial(t, transport, l.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial: got %v, want context.DeadlineExceeded", err)
	}
	wantWords(t, err, "preface", l.Addr().String())

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := shared().Dial(ctx, l.Addr().String())
		ended <- err
	}()
	for range 2 { // the first one is from before
		if _, err := l.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Dial: got %v, want context.Canceled", err)
	}
}

// The dialler of a connection that was not accepted when the listener closed gets the
// reason.
func TestListenerCloseTellsPending(t *testing.T) {
	l := listen(t, shared())
	c, err := dial(t, shared(), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = c.Recv()
	if reason, _ := closeReason(err); reason != core.CloseGoingAway {
		t.Errorf("Recv: got %v, want %v", err, core.CloseGoingAway)
	}
	if reason, _ := closeReason(err); reason != (core.CloseReason{Code: 1001, Text: "transport-closed"}) {
		t.Errorf("Recv: got %v", err)
	}
}
