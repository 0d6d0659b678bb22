package sendqueue

import (
	"bytes"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

// pipe is the near end of a connection that takes so many bytes per second; 0:
// nothing. It is for bubbles, where TCP cannot be.
type pipe struct {
	net.Conn
	rate int

	mu       sync.Mutex
	taken    int
	deadline time.Time
	closed   chan struct{}
}

func newPipe(rate int) *pipe { return &pipe{rate: rate, closed: make(chan struct{})} }

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	deadline := p.deadline
	p.mu.Unlock()
	late := make(<-chan time.Time)
	if !deadline.IsZero() {
		late = time.After(time.Until(deadline))
	}
	written := make(<-chan time.Time)
	if p.rate > 0 {
		written = time.After(time.Duration(len(b)) * time.Second / time.Duration(p.rate))
	}
	select {
	case <-written:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.taken += len(b)
		return len(b), nil
	case <-late:
		return 0, os.ErrDeadlineExceeded
	case <-p.closed:
		return 0, net.ErrClosed
	}
}

func (p *pipe) SetWriteDeadline(at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = at
	return nil
}

func (p *pipe) SetReadDeadline(time.Time) error { return nil }

func (p *pipe) Close() error {
	close(p.closed)
	return nil
}

func (p *pipe) total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// TestProgress: of two connections that get 40 MB at once, the one that takes 2 MB
// per second gets all, and the frozen one is cut after ten seconds. What waits never
// takes more memory than the frames, which the two share, and their places.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(Config{})
		steady, frozen := newPipe(2_000_000), newPipe(0)
		told := watch()
		a, b := s.NewQueue(steady, watch()), s.NewQueue(frozen, told)
		const frames, size = 640, 62_500
		most := int64(0)
		for range frames {
			f := NewFrame(bytes.Repeat([]byte("x"), size))
			if err := a.Put(f); err != nil {
				t.Fatal(err)
			}
			if err := b.Put(f); err != nil {
				t.Fatal(err)
			}
			most = max(most, s.Stats().Held)
		}
		if most > frames*(size+frameSize+2*placeSize) {
			t.Errorf("%d bytes held", most)
		}
		start := time.Now()
		err := <-told.failed
		if waited := time.Since(start); waited < 10*time.Second || waited > 12*time.Second {
			t.Errorf("cut after %v", waited)
		}
		wantCut(t, err, backlog.NoProgress)
		time.Sleep(15 * time.Second)
		if got := steady.total(); got != frames*size {
			t.Errorf("the steady one got %d bytes of %d", got, frames*size)
		}
		if stats := s.Stats(); stats.Cut != only(backlog.NoProgress) || stats.Held != 0 || stats.Connections != 1 {
			t.Errorf("%+v", stats)
		}
		a.Drop()
	})
}

// TestSlowBeyondTheSoftBoundIsCut: a connection that takes less than the rate is cut over the soft bound
// only.
func TestSlowBeyondTheSoftBoundIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(Config{Limits: backlog.Limits{Soft: 1 << 20, Rate: 50_000}})
		w, over := watch(), watch()
		little, much := s.NewQueue(newPipe(20_000), w), s.NewQueue(newPipe(20_000), over)
		piece := NewFrame(make([]byte, 100_000))
		for range 9 {
			_ = little.Put(piece)
		}
		for range 16 {
			_ = much.Put(piece)
		}
		wantCut(t, <-over.failed, backlog.NoProgress)
		time.Sleep(time.Minute)
		if stats := s.Stats(); stats.Cut != only(backlog.NoProgress) || stats.Bytes < 900_000 {
			t.Errorf("%+v", stats)
		}
		little.Drop()
	})
}

// TestTotal: when all queues hold too much, the longest ones go, until it is enough.
// A frame that many share counts once.
func TestTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mb = 1_000_000
		s := NewScheduler(Config{Total: 10 * mb})
		queues, owners := make([]*Queue, 50), make([]*watcher, 50)
		for i := range queues {
			owners[i] = watch()
			queues[i] = s.NewQueue(newPipe(0), owners[i])
		}
		put := func(i, bytes int) { _ = queues[i].Put(NewFrame(make([]byte, bytes))) }
		shared := NewFrame(make([]byte, 3*mb))
		for _, q := range queues {
			_ = q.Put(shared)
		}
		if held := s.Stats().Held; held < 3*mb || held > 3*mb+10_000 {
			t.Errorf("%d bytes held of one frame", held)
		}
		for i := range 10 {
			put(i, mb/2)
		}
		put(49, 6*mb)
		wantCut(t, <-owners[49].failed, backlog.Memory)
		synctest.Wait()
		if stats := s.Stats(); stats.Cut != only(backlog.Memory) || stats.Held < 8*mb || stats.Held > 10*mb {
			t.Errorf("%+v", stats)
		}
		for i := range 30 {
			put(10+i, mb/2)
		}
		if stats := s.Stats(); stats.Held > 10*mb || stats.Cut[backlog.Memory] < 20 {
			t.Errorf("%+v", stats)
		}
		for _, q := range queues {
			q.Drop()
		}
		if stats := s.Stats(); stats.Held != 0 || s.lags.longest() != nil {
			t.Errorf("%+v", stats)
		}
	})
}

// TestLargeFrameForAllCutsNobody: a frame that is longer than all queues may be costs nobody the
// connection.
func TestLargeFrameForAllCutsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(Config{Total: 1_000_000})
		queues := make([]*Queue, 10)
		giant := NewFrame(make([]byte, 2_000_000))
		for i := range queues {
			queues[i] = s.NewQueue(newPipe(1_000_000), watch())
			if err := queues[i].Put(giant); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if stats := s.Stats(); stats.Bytes != 20_000_000 || stats.Held != 0 {
			t.Errorf("%+v", stats)
		}
		for _, q := range queues {
			q.Drop()
		}
	})
}

// TestHeldMemoryComesBackToNothing: whatever is put, taken, cut and closed, the memory that is held
// comes back to nothing.
func TestHeldMemoryComesBackToNothing(t *testing.T) {
	s := NewScheduler(Config{Limits: backlog.Limits{Soft: 100_000, Hard: 400_000}, Total: 2_000_000})
	var readers, putters sync.WaitGroup
	var queues []*Queue
	for i := range 12 {
		near, far := tcp(t)
		if i%3 == 0 {
			near = struct{ net.Conn }{near}
		}
		queues = append(queues, s.NewQueue(near, watch()))
		if i%4 > 0 {
			readers.Go(func() {
				buf := make([]byte, 32<<10)
				for {
					if _, err := far.Read(buf); err != nil {
						return
					}
				}
			})
		}
	}
	for range 3 {
		putters.Go(func() {
			for i := range 400 {
				f := NewFrame(make([]byte, 1+i*i%30_000))
				for _, q := range queues {
					_ = q.Put(f)
				}
			}
		})
	}
	putters.Wait()
	for _, q := range queues {
		q.Close(nil)
		q.Drop()
	}
	readers.Wait()
	if stats := s.Stats(); stats.Held != 0 || stats.Connections != 0 || s.lags.longest() != nil {
		t.Errorf("%+v", stats)
	}
}
