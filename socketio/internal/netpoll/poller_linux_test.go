package netpoll

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/await"
)

// reader is a watcher that reads all there is.
type reader struct {
	raw          syscall.RawConn
	got          chan string
	released     chan struct{}
	hold         chan struct{} // Ready waits for it, if there is one
	at           atomic.Int32  // calls of Ready under way
	crowded      atomic.Bool
	registration Registration
}

func newReader(t *testing.T) (r *reader, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if far, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close(); near.Close() })
	raw, err := near.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return &reader{raw: raw, got: make(chan string, 10_000), released: make(chan struct{}, 10)}, far
}

func (r *reader) Ready() {
	if r.at.Add(1) > 1 {
		r.crowded.Store(true)
	}
	defer r.at.Add(-1)
	if r.hold != nil {
		<-r.hold
	}
	var buf [16]byte
	for more := true; more; {
		err := r.raw.Read(func(fd uintptr) bool {
			n, err := syscall.Read(int(fd), buf[:])
			switch {
			case n > 0:
				r.got <- string(buf[:n])
			case err == nil:
				r.got <- "EOF"
				more = false
			default:
				more = false
			}
			return true
		})
		if err != nil {
			return
		}
	}
}

func (r *reader) Released() { r.released <- struct{}{} }

// receive waits until just this has been read.
func (r *reader) receive(t *testing.T, want string) {
	t.Helper()
	for got := ""; got != want; {
		got += await.Value(t, r.got)
		if !strings.HasPrefix(want, got) {
			t.Fatalf("read %q, want %q", got, want)
		}
	}
}

// register registers r.
func register(t *testing.T, p *Poller, r *reader) {
	t.Helper()
	if err := p.Register(&r.registration, r.raw, r); err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, far net.Conn, text string) {
	t.Helper()
	if _, err := far.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// TestReady: what was there before is read, what comes later, and the end.
func TestReady(t *testing.T) {
	var p Poller
	r, far := newReader(t)
	send(t, far, "before")
	register(t, &p, r)
	r.receive(t, "before")
	for range 100 {
		send(t, far, "later")
		r.receive(t, "later")
	}
	far.Close()
	r.receive(t, "EOF")
	r.registration.Stop()
	await.Value(t, r.released)
}

// TestOneAtATime: what comes while the watcher reads is read after that.
func TestOneAtATime(t *testing.T) {
	var p Poller
	r, far := newReader(t)
	r.hold = make(chan struct{})
	register(t, &p, r)
	defer r.registration.Stop()
	for range 20 {
		for _, piece := range []string{"a", "b"} { // the second while the first may be read
			send(t, far, piece)
			select {
			case r.hold <- struct{}{}:
			case <-time.After(time.Millisecond): // it was read in passing
			}
		}
		for got := ""; got != "ab"; {
			select {
			case piece := <-r.got:
				got += piece
			case r.hold <- struct{}{}:
			case <-time.After(await.Patience):
				t.Fatalf("read %q only", got)
			}
		}
	}
	if r.crowded.Load() {
		t.Error("two at a time")
	}
	close(r.hold)
}

// TestStop: released once, at once or after reading, and never called again.
func TestStop(t *testing.T) {
	var p Poller
	keeper, _ := newReader(t) // keeps the poller running
	register(t, &p, keeper)
	defer keeper.registration.Stop()

	quiet, far := newReader(t)
	register(t, &p, quiet)
	quiet.registration.Stop()
	quiet.registration.Stop()
	await.Value(t, quiet.released)
	send(t, far, "late")

	busy, far := newReader(t)
	busy.hold = make(chan struct{})
	register(t, &p, busy)
	if busy.registration.slot != quiet.registration.slot {
		t.Errorf("slot %d not used again, but %d", quiet.registration.slot, busy.registration.slot)
	}
	send(t, far, "x")
	busy.hold <- struct{}{}
	await.Value(t, busy.got)
	busy.registration.Stop()
	close(busy.hold)
	await.Value(t, busy.released)

	var never Registration
	never.Stop()
	if never.Stopped() || !quiet.registration.Stopped() {
		t.Error("wrong about who is stopped")
	}
	if len(quiet.released)+len(busy.released) > 0 || len(quiet.got) > 0 {
		t.Error("called after the end")
	}
}

// TestMany: each is told of its own, with slots that change hands.
func TestMany(t *testing.T) {
	var p Poller
	for range 3 {
		var readers []*reader
		var ends []net.Conn
		for range 100 {
			r, far := newReader(t)
			register(t, &p, r)
			readers, ends = append(readers, r), append(ends, far)
		}
		for i, far := range ends {
			send(t, far, string(rune('a'+i%26)))
		}
		for i, r := range readers {
			r.receive(t, string(rune('a'+i%26)))
			if i%2 == 0 {
				r.registration.Stop()
			}
		}
		for _, r := range readers {
			r.registration.Stop()
			await.Value(t, r.released)
		}
	}
	if p.loop != nil {
		t.Error("runs for nobody")
	}
}

// TestClosed: a connection that is closed cannot be watched, and takes no slot.
func TestClosed(t *testing.T) {
	var p Poller
	r, _ := newReader(t)
	register(t, &p, r)
	r.registration.Stop()
	await.Value(t, r.released)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	var w Registration
	if err := p.Register(&w, raw, r); !errors.Is(err, net.ErrClosed) {
		t.Errorf("watched: %v", err)
	}
	w.Stop()
	if p.loop != nil || len(r.released) > 0 {
		t.Error("something is left of it")
	}
}

// TestStopMeanwhile: a connection may be closed, and its registration stopped, while it is
// about to be watched. Its slot becomes free once.
func TestStopMeanwhile(t *testing.T) {
	var p Poller
	keeper, _ := newReader(t)
	register(t, &p, keeper)
	for range 3000 {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := conn.(*net.UDPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{raw: raw, released: make(chan struct{}, 1)}
		var both sync.WaitGroup
		both.Go(func() {
			conn.Close()
			r.registration.Stop()
		})
		err = p.Register(&r.registration, raw, r)
		both.Wait()
		r.registration.Stop()
		if err == nil {
			await.Value(t, r.released)
		}
		if free := keeper.registration.loop.free; len(free) > 1 {
			t.Fatalf("slots %d are free, of %d", free, len(keeper.registration.loop.slots))
		}
	}
	keeper.registration.Stop()
}
