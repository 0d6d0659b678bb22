package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const loopback = "127.0.0.1:0"

// echoTCP sends back what it gets, and ends a connection where its peer does.
func echoTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// TestTCPDelays: everything arrives, in order, no earlier than the delays say, and an end
// arrives behind it.
func TestTCPDelays(t *testing.T) {
	t.Parallel()
	p, err := ListenTCP(loopback, echoTCP(t), Delay{Least: 20 * time.Millisecond, Jitter: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := dial(t, "tcp", p.Addr())
	sent := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	began := time.Now()
	go func() {
		for piece := range slices.Chunk(sent, 10_000) {
			c.Write(piece)
		}
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d of %d bytes, %v", len(got), len(sent), err)
	}
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("there and back took %v", took)
	}
}

// TestTCPBreaks: what is cut is reset, what is refused as well, and what comes later is carried.
func TestTCPBreaks(t *testing.T) {
	t.Parallel()
	p, err := ListenTCP(loopback, echoTCP(t), Delay{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := make([]byte, 1)
	hello := func(c net.Conn) error {
		if _, err := c.Write(b); err != nil {
			return err
		}
		_, err := io.ReadFull(c, b)
		return err
	}
	c := dial(t, "tcp", p.Addr())
	if err := hello(c); err != nil {
		t.Fatal(err)
	}
	if n := p.Cut(); n != 2 {
		t.Errorf("%d sockets were cut, want one at each end", n)
	}
	if _, err := c.Read(b); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a cut: %v, want a reset", err)
	}
	p.Refuse(true)
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		if err := hello(c); err == nil {
			t.Error("what is refused was carried")
		}
		c.Close()
	}
	p.Refuse(false)
	if err := hello(dial(t, "tcp", p.Addr())); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestTCPWithoutTarget: where nobody listens, connections are reset.
func TestTCPWithoutTarget(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p, err := ListenTCP(loopback, l.Addr().String(), Delay{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return // it was reset as early as that
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}

// echoUDP sends back the sender's address, as the target sees it.
func echoUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 100)
		for {
			_, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo([]byte(from.String()), from)
		}
	}()
	return c.LocalAddr().String()
}

// TestUDP: packets go there and back, late, and from another port after Rebind.
func TestUDP(t *testing.T) {
	t.Parallel()
	p, err := ListenUDP(loopback, echoUDP(t), Delay{Least: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := dial(t, "udp", p.Addr())
	ask := func() string {
		b := make([]byte, 100)
		began := time.Now()
		c.Write([]byte("?"))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 40*time.Millisecond {
			t.Errorf("there and back took %v", took)
		}
		return string(b[:n])
	}
	first := ask()
	if again := ask(); again != first {
		t.Errorf("seen from %s, and then from %s", first, again)
	}
	if n := p.Rebind(); n != 1 {
		t.Errorf("%d senders, want 1", n)
	}
	if later := ask(); later == first {
		t.Errorf("still seen from %s", first)
	}
}

// TestDelaysAreDrawnFromTheSeed: the same seed, the same delays, all of them in bounds.
func TestDelaysAreDrawnFromTheSeed(t *testing.T) {
	t.Parallel()
	d := Delay{Least: time.Second, Jitter: time.Millisecond, Seed: 7}
	one, same := newClock(d), newClock(d)
	d.Seed = 8
	other := newClock(d)
	different := false
	for range 100 {
		a := one.draw()
		if b := same.draw(); a != b {
			t.Fatalf("%v and %v with one seed", a, b)
		}
		if a < time.Second || a >= time.Second+time.Millisecond {
			t.Errorf("a delay of %v", a)
		}
		different = different || a != other.draw()
	}
	if !different {
		t.Error("another seed draws the same delays")
	}
}
