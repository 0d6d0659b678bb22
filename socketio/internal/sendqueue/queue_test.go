package sendqueue

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/backlog"
)

func TestInOrder(t *testing.T) {
	each(t, Config{}, func(t *testing.T, q *Queue, w *watcher, far net.Conn) {
		const senders, each = 8, 2000
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for i := range each {
					if err := q.Put(frame(fmt.Sprintln(s, i, strings.Repeat("x", i%300)))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		next := make([]int, senders)
		lines := bufio.NewScanner(far)
		for range senders * each {
			if !lines.Scan() {
				t.Fatal(lines.Err())
			}
			var s, i int
			if _, err := fmt.Sscan(lines.Text(), &s, &i); err != nil || i != next[s] {
				t.Fatalf("%.50q, want %d: %v", lines.Text(), next[s], err)
			}
			next[s]++
		}
		wg.Wait()
		// A frame may be read before the one who wrote it has counted it.
		await.Condition(t, "all frames are counted", func() bool { return q.scheduler.Stats().Frames == senders*each })
	})
}

// TestBlocked: a client that stops reading gets everything later, and costs those
// who put frames nothing.
func TestBlocked(t *testing.T) {
	each(t, Config{}, func(t *testing.T, q *Queue, w *watcher, far net.Conn) {
		long := strings.Repeat("0123456789abcdef", 1<<13)
		for range 20 {
			if err := q.Put(frame(long)); err != nil {
				t.Fatal(err)
			}
		}
		q.Mark()
		if !q.Behind() {
			t.Error("not behind")
		}
		if ok, err := q.PutVolatile(frame("lost")); ok || err != nil {
			t.Errorf("volatile frame taken: %v", err)
		}
		receive(t, far, strings.Repeat(long, 20))
		if n := await.Value(t, w.sent); n != 1 {
			t.Errorf("%d marks", n)
		}
		if ok, err := q.PutVolatile(frame("taken")); !ok || err != nil {
			t.Errorf("volatile frame dropped: %v", err)
		}
		receive(t, far, "taken")
		if got := q.scheduler.Stats().Dropped; got != 1 {
			t.Errorf("%d dropped", got)
		}
	})
}

// TestFullIsCut: one frame of any length is no reason to cut a connection, and what
// waits behind it is.
func TestFullIsCut(t *testing.T) {
	limits := backlog.Limits{Soft: 256 << 10, Hard: 1 << 20}
	each(t, Config{Limits: limits}, func(t *testing.T, q *Queue, w *watcher, far net.Conn) {
		if err := q.Put(frame(strings.Repeat("x", 8<<20))); err != nil {
			t.Fatal("a long frame is refused: ", err)
		}
		piece := strings.Repeat("x", 1000)
		n := 0
		var err error
		for n < 10_000 {
			if err = q.Put(frame(piece)); err != nil {
				break
			}
			n++
		}
		if want := limits.Hard / (1000 + frameSize + placeSize); n < want-1 || n > want+1 {
			t.Errorf("%d frames behind the long one, not %d", n, want)
		}
		wantCut(t, err, backlog.Full)
		wantCut(t, await.Value(t, w.failed), backlog.Full)
		if err := q.Put(frame("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("after the cut: %v", err)
		}
		_ = far.SetReadDeadline(time.Now().Add(await.Patience))
		if _, err := io.Copy(io.Discard, far); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("connection left open")
		}
		if s := q.scheduler.Stats(); s.Cut != only(backlog.Full) || s.Connections != 0 || s.Held != 0 {
			t.Errorf("counted %+v", s)
		}
	})
}

// TestStuckIsCut: who takes nothing at all is cut after the timeout, however
// little waits, and counted.
func TestStuckIsCut(t *testing.T) {
	each(t, Config{Timeout: 20 * time.Millisecond}, func(t *testing.T, q *Queue, w *watcher, far net.Conn) {
		if err := q.Put(frame(strings.Repeat("x", 8<<20))); err != nil {
			t.Fatal(err)
		}
		wantCut(t, await.Value(t, w.failed), backlog.Timeout)
		if s := q.scheduler.Stats(); s.Cut != only(backlog.Timeout) || s.Held != 0 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestHolds(t *testing.T) {
	each(t, Config{}, func(t *testing.T, q *Queue, w *watcher, far net.Conn) {
		put := func(s string) {
			if err := q.Put(frame(s)); err != nil {
				t.Fatal(err)
			}
		}
		put("a")
		_ = q.PutHeld("1", frame("b"))
		put("c")
		_ = q.PutHeld("2", frame("d"))
		put("e")
		q.Mark()
		receive(t, far, "a")
		q.Release("2")
		q.Release("none")
		_ = far.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, _ := far.Read(make([]byte, 10)); n > 0 {
			t.Fatal("sent what is held")
		}
		q.Release("1")
		receive(t, far, "bcde")
		await.Value(t, w.sent)
		_ = q.PutHeld("1", frame("f"))
		q.Close(frame("bye"))
		receive(t, far, "fbye")
	})
}

// TestCloseFlushes: everything that was put arrives, then the last frame, then
// the end.
func TestCloseFlushes(t *testing.T) {
	for name, pair := range kinds {
		t.Run(name, func(t *testing.T) {
			near, far := pair(t)
			q := NewScheduler(Config{}).NewQueue(near, watch())
			for range 1000 {
				_ = q.Put(frame(strings.Repeat("x", 1000)))
			}
			q.Close(frame("bye"))
			if err := q.Put(frame("late")); !errors.Is(err, ErrClosed) {
				t.Errorf("put into a closing queue: %v", err)
			}
			receive(t, far, strings.Repeat("x", 1_000_000)+"bye")
			if name == "tcp" {
				if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("after the last frame: %d bytes, %v", n, err)
				}
			}
			far.Close()
			if _, err := near.Read(make([]byte, 1)); err == nil {
				t.Error("more to read")
			}
			if !q.Drop() || q.Drop() {
				t.Error("dropped never, or twice")
			}
			if n := q.scheduler.Stats().Connections; n != 0 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestBrokenIsTold(t *testing.T) {
	each(t, Config{}, func(t *testing.T, q *Queue, w *watcher, far net.Conn) {
		far.Close()
		for q.Put(frame(strings.Repeat("x", 10_000))) == nil {
			time.Sleep(time.Millisecond)
		}
		if err := await.Value(t, w.failed); err == nil {
			t.Error("no reason")
		}
	})
}

// TestIdleQueueIsSmall: what a busy queue grew is given back.
func TestIdleQueueIsSmall(t *testing.T) {
	var q fifo
	for range 3 {
		for range 1000 {
			q.push(frame("x"))
		}
		for range 990 {
			q.pop()
		}
	}
	if q.len() != 30 || len(q.frames)-q.len() > 1500 {
		t.Errorf("%d in %d places", q.len(), len(q.frames))
	}
	for range 30 {
		q.pop()
	}
	if cap(q.frames) > places {
		t.Errorf("%d places kept", cap(q.frames))
	}
}

// TestPutIsFree: a frame costs no allocation, the writing included.
func TestPutIsFree(t *testing.T) {
	near, far := tcp(t)
	go io.Copy(io.Discard, far)
	w := watch()
	q := NewScheduler(Config{}).NewQueue(near, w)
	defer q.Drop()
	f := frame("hello")
	put := func() {
		for range 100 {
			_ = q.Put(f)
		}
	}
	put()
	if n := testing.AllocsPerRun(100, put); n > 10 { // a writer now and then
		t.Errorf("%v allocations for 100 frames", n)
	}
}
