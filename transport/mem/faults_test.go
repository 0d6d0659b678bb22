package mem_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/mem"
)

// world is a network with two hosts, "a" and "b", in virtual time. b listens.
type world struct {
	*testing.T
	*mem.Network
	a, b     core.Transport
	listener core.Listener
}

// inWorld runs a test in a bubble.
func inWorld(t *testing.T, f func(w *world), opts ...mem.Option) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.NewNetwork(opts...)
		w := &world{T: t, Network: n, a: n.Transport("a"), b: n.Transport("b")}
		w.listener = must(w.b.Listen(t.Context(), "b"))
		t.Cleanup(func() { w.listener.Close() })
		f(w)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// connect returns a's end and b's end.
func (w *world) connect() (a, b core.Conn) {
	w.Helper()
	a = must(w.a.Dial(w.Context(), "mem://b"))
	b = must(w.listener.Accept())
	w.Cleanup(func() {
		a.Close(core.CloseShutdown)
		b.Close(core.CloseShutdown)
	})
	return a, b
}

func (w *world) send(c core.Conn, frames ...string) {
	w.Helper()
	for _, frame := range frames {
		if err := c.Send(w.Context(), [][]byte{[]byte(frame)}); err != nil {
			w.Fatalf("Send %q: %v", frame, err)
		}
	}
}

// want checks which frames come next.
func (w *world) want(c core.Conn, frames ...string) {
	w.Helper()
	for _, frame := range frames {
		if got, err := c.Recv(); err != nil || string(got) != frame {
			w.Fatalf("Recv: got %q, %v, want %q", got, err, frame)
		}
	}
}

// result is the result of a Recv in a goroutine of its own.
type result struct {
	frame string
	err   error
	took  time.Duration
	done  bool
}

// recv starts a Recv in a goroutine.
func (w *world) recv(c core.Conn) *result {
	r := &result{}
	began := time.Now()
	go func() {
		frame, err := c.Recv()
		*r = result{string(frame), err, time.Since(began), true}
	}()
	synctest.Wait()
	return r
}

// silent checks that nothing is received for a long time.
func (w *world) silent(c core.Conn) *result {
	w.Helper()
	r := w.recv(c)
	time.Sleep(time.Hour)
	synctest.Wait()
	if r.done {
		w.Fatalf("Recv: got %q, %v, want nothing", r.frame, r.err)
	}
	return r
}

// dialFails checks how a dial with a time limit ends.
func (w *world) dialFails(from core.Transport, addr string, want error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	_, err := from.Dial(ctx, addr)
	if !errors.Is(err, want) || !strings.Contains(err.Error(), addr) {
		w.Errorf("Dial %s: got error %v, want %v", addr, err, want)
	}
	if hangs, took := want == context.DeadlineExceeded, time.Since(began); hangs != (took == time.Minute) {
		w.Errorf("Dial %s: failed after %v", addr, took)
	}
}

func TestPartitionLosesWhatIsSent(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.send(a, "before")
		w.Partition("a", "b")
		w.send(a, "lost")
		w.want(b, "before")
		r := w.silent(b)
		w.dialFails(w.a, "mem://b", context.DeadlineExceeded)
		w.Heal("a", "b")
		w.send(a, "behind a gap")
		synctest.Wait()
		if r.done {
			w.Fatalf("Recv: got %q, %v from a connection with a gap", r.frame, r.err)
		}
		w.send(b, "no gap here")
		w.want(a, "no gap here")
		a.Close(core.CloseAddressChanged)
		synctest.Wait()
		if !errors.Is(r.err, mem.ErrReset) {
			w.Errorf("Recv: got %q, %v, want ErrReset", r.frame, r.err)
		}
		w.connect()
	})
}

func TestPartitionLosesGoodbye(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.Partition("b", "a")
		a.Close(core.CloseShutdown)
		w.silent(b)
	})
}

func TestPartitionLeavesOthersAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.Partition("a", "c")
		w.Partition("c", "b")
		w.send(a, "x")
		w.want(b, "x")
	})
}

func TestHoldLosesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.Hold("a", "b")
		w.send(a, "1", "2")
		a.Close(core.CloseSlowPeer)
		r := w.silent(b)
		w.dialFails(w.a, "b", context.DeadlineExceeded)
		w.Heal("a", "b")
		synctest.Wait()
		if r.frame != "1" {
			w.Errorf("Recv: got %q, %v, want 1", r.frame, r.err)
		}
		w.want(b, "2")
		w.wantReason(w.recv(b), core.CloseSlowPeer)
	})
}

func (w *world) wantReason(r *result, want core.CloseReason) {
	w.Helper()
	var closed *core.CloseError
	if !errors.As(r.err, &closed) || closed.CloseReason != want {
		w.Errorf("Recv: got %q, %v, want %v", r.frame, r.err, want)
	}
}

func TestDelay(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Delay("a", "b", 30*time.Millisecond)
		w.Delay("b", "a", 10*time.Millisecond)
		began := time.Now()
		a, b := w.connect()
		if took := time.Since(began); took != 40*time.Millisecond {
			w.Errorf("Dial took %v, want the round trip", took)
		}
		began = time.Now()
		w.send(a, "1", "2")
		w.Delay("a", "b", 0)
		w.send(a, "3")
		a.Close(core.CloseShutdown)
		w.want(b, "1", "2", "3")
		w.wantReason(w.recv(b), core.CloseShutdown)
		if took := time.Since(began); took != 30*time.Millisecond {
			w.Errorf("frames took %v, want 30ms", took)
		}
	})
}

func TestCut(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.send(a, "under way")
		ra := w.recv(a)
		w.Cut("a", "b")
		synctest.Wait()
		for _, r := range []*result{ra, w.recv(b)} {
			if !errors.Is(r.err, mem.ErrCut) {
				w.Errorf("Recv: got %q, %v, want ErrCut", r.frame, r.err)
			}
		}
		if err := b.Send(w.Context(), [][]byte{{1}}); !errors.Is(err, mem.ErrCut) {
			w.Errorf("Send: got %v, want ErrCut", err)
		}
		w.connect()
	})
}

func TestCutUnblocksSend(t *testing.T) {
	inWorld(t, func(w *world) {
		a, _ := w.connect()
		var err error
		go func() {
			for err == nil {
				err = a.Send(w.Context(), [][]byte{make([]byte, 1000)})
			}
		}()
		synctest.Wait()
		w.Cut("a", "b")
		synctest.Wait()
		if !errors.Is(err, mem.ErrCut) {
			w.Errorf("Send: got %v, want ErrCut", err)
		}
	})
}

func TestCutOneSide(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.CutOneSide("a", "b")
		if r := w.recv(a); !errors.Is(r.err, mem.ErrCut) {
			w.Errorf("Recv: got %q, %v, want ErrCut", r.frame, r.err)
		}
		a.Close(core.CloseShutdown)
		for range 10_000 {
			w.send(b, "into the void: "+strings.Repeat("x", 1000))
		}
		w.silent(b)
		w.connect()
	})
}

func TestRefuse(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.Refuse("b")
		w.dialFails(w.a, "mem://b", mem.ErrRefused)
		w.send(a, "x")
		w.want(b, "x")
		w.Accept("b")
		w.connect()
	})
}

func TestHang(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.send(a, "not read")
		w.Hang("b")
		r := w.silent(b)
		w.dialFails(w.a, "mem://b", context.DeadlineExceeded)
		w.dialFails(w.b, "mem://a", context.DeadlineExceeded)

		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		sent, err := 0, error(nil)
		for err == nil {
			err = a.Send(ctx, [][]byte{make([]byte, 1000)})
			sent++
		}
		if !errors.Is(err, context.DeadlineExceeded) || sent < 5 || sent > 20 {
			w.Errorf("Send: got %v after %d frames of 1000 bytes into a buffer of 10,000", err, sent)
		}
		w.Resume("b")
		synctest.Wait()
		if r.frame != "not read" {
			w.Errorf("Recv: got %q, %v after Resume", r.frame, r.err)
		}
	}, mem.WithBuffer(10_000))
}

func TestHungHostDoesNotAccept(t *testing.T) {
	inWorld(t, func(w *world) {
		a := must(w.a.Dial(w.Context(), "b"))
		defer a.Close(core.CloseShutdown)
		w.Hang("b")
		var b core.Conn
		go func() { b = must(w.listener.Accept()) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if b != nil {
			w.Fatal("Accept: a hung host accepts")
		}
		w.Resume("b")
		synctest.Wait()
		w.send(a, "accepted")
		w.want(b, "accepted")
		b.Close(core.CloseShutdown)
	})
}

func TestHangHoldsGoodbye(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.Hang("b")
		mine := w.recv(b)
		b.Close(core.CloseSilent)
		synctest.Wait()
		if !errors.Is(mine.err, net.ErrClosed) {
			w.Errorf("Recv on the hung host after Close: got %q, %v", mine.frame, mine.err)
		}
		r := w.silent(a)
		w.Resume("b")
		synctest.Wait()
		w.wantReason(r, core.CloseSilent)
	})
}

func TestHungHostNoticesCutLater(t *testing.T) {
	inWorld(t, func(w *world) {
		_, b := w.connect()
		w.Hang("b")
		r := w.recv(b)
		w.Cut("a", "b")
		synctest.Wait()
		if r.done {
			w.Fatalf("Recv: got %q, %v on a hung host", r.frame, r.err)
		}
		w.Resume("b")
		synctest.Wait()
		if !errors.Is(r.err, mem.ErrCut) {
			w.Errorf("Recv: got %q, %v, want ErrCut", r.frame, r.err)
		}
	})
}

func TestKill(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.send(b, "last words")
		w.Kill("b")
		w.want(a, "last words")
		if r := w.recv(a); !errors.Is(r.err, mem.ErrReset) {
			w.Errorf("Recv: got %q, %v, want ErrReset", r.frame, r.err)
		}
		if r := w.recv(b); !errors.Is(r.err, mem.ErrKilled) {
			w.Errorf("Recv of the killed: got %q, %v, want ErrKilled", r.frame, r.err)
		}
		if _, err := w.listener.Accept(); !errors.Is(err, net.ErrClosed) {
			w.Errorf("Accept of the killed: got %v", err)
		}
		w.dialFails(w.a, "mem://b", mem.ErrRefused)
		w.dialFails(w.b, "mem://a", mem.ErrKilled)
		w.b = w.Transport("b")
		w.listener = must(w.b.Listen(w.Context(), "b"))
		w.connect()
	})
}

func TestReference(t *testing.T) {
	inWorld(t, func(w *world) {
		a, _ := w.connect()
		w.Reference("b")
		b, _ := w.connect()
		if !a.(core.NativeReporter).Native() || b.(core.NativeReporter).Native() {
			w.Error("Native: want true before Reference, and false after")
		}
	})
}

func TestTap(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		var seen []string
		w.Tap(func(from, to string, frame []byte) { seen = append(seen, from+">"+to+":"+string(frame)) })
		w.send(a, "1")
		w.send(b, "2")
		w.Tap(func(_, _ string, frame []byte) {
			if string(frame) == "cut here" {
				w.Cut("a", "b")
			}
		})
		err := a.Send(w.Context(), [][]byte{[]byte("arrives not"), []byte("cut here")})
		if !errors.Is(err, mem.ErrCut) {
			w.Errorf("Send: got %v, want ErrCut", err)
		}
		if want := []string{"a>b:1", "b>a:2"}; !slices.Equal(seen, want) {
			w.Errorf("tap: got %q, want %q", seen, want)
		}
	})
}

func TestListenNames(t *testing.T) {
	inWorld(t, func(w *world) {
		for addr, want := range map[string]string{":4000": "mem://a", "mem://other": "mem://other", "10.0.0.1:4000": "mem://10.0.0.1:4000"} {
			l := must(w.a.Listen(w.Context(), addr))
			if l.Addr() != want {
				w.Errorf("Addr of %q: got %q, want %q", addr, l.Addr(), want)
			}
			c := must(w.b.Dial(w.Context(), l.Addr()))
			w.Partition("a", "b") // faults go by host, whatever the address
			w.dialFails(w.b, l.Addr(), context.DeadlineExceeded)
			w.Heal("a", "b")
			c.Close(core.CloseShutdown)
			l.Close()
		}
	})
}

func TestRecvSpoilsWhatItReturnedBefore(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.connect()
		w.send(a, "kept too long", "next")
		kept := must(b.Recv())
		w.want(b, "next")
		if string(kept) == "kept too long" {
			w.Error("Recv: a slice is still good after the next Recv")
		}
	})
}
