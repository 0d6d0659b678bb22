package sendqueue

import (
	"cmp"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/memlimit"
)

// Config configures a [Scheduler]; the zero value means the defaults.
type Config struct {
	// Limits limit what waits for one connection: the bytes of frames, and the memory of a
	// frame and its place in the queue. Default: 16 MiB, and the others as
	// [backlog.Limits.WithDefaults] sets them.
	Limits backlog.Limits
	// Total limits the memory in the queues of all connections that are behind; a frame
	// that they share counts once. Above it, the connections with the longest queues are
	// disconnected. Default: [DefaultTotal].
	Total int64
	// Timeout is how long a connection may take nothing before it is disconnected, and how
	// long a connection that is being closed may take for what still waits. Default: 30 s.
	Timeout time.Duration
}

// The defaults of [Config].
const (
	DefaultBytes   = 16 << 20
	DefaultTimeout = 30 * time.Second
)

// DefaultTotal returns a quarter of the memory that the process may have, because the
// garbage collector lets a heap grow to twice what is alive. If the memory is not known, it
// returns 1 GiB.
func DefaultTotal() int64 {
	if limit := memlimit.Bytes(); limit > 0 {
		return limit / 4
	}
	return 1 << 30
}

// batch is how many bytes are written at once.
const batch = 64 << 10

// maxWriters is enough for any machine: writers spend most of their time in the kernel.
const maxWriters = 8

// Scheduler has the writers, and the queues that wait for one, in a line.
type Scheduler struct {
	limits   backlog.Limits
	behindAt int // so many bytes wait for a connection that is behind
	total    int64
	timeout  time.Duration
	writers  int // the highest number of writers
	stats    counters
	lags     lags

	mu      sync.Mutex
	first   *Queue
	last    *Queue
	working int // the number of writers now
}

type counters struct {
	queues, dropped, blocked, writes, frames, bytes atomic.Int64
	cut                                             [backlog.Reasons]atomic.Int64
}

// Stats is a snapshot of a scheduler.
type Stats struct {
	Connections int                    // open now
	Cut         [backlog.Reasons]int64 // connections that were too slow, by reason
	Held        int64                  // memory in the queues of connections that are behind, in bytes
	Total       int64                  // the limit of Held
	Dropped     int64                  // volatile frames for connections that were behind
	Blocked     int64                  // how often a connection did not take everything
	Writes      int64
	Frames      int64 // written
	Bytes       int64 // written
}

// NewScheduler makes a scheduler. It does nothing until there is something to send.
func NewScheduler(cfg Config) *Scheduler {
	s := &Scheduler{
		limits:  cfg.Limits.WithDefaults(DefaultBytes),
		total:   cfg.Total,
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout),
		writers: min(runtime.GOMAXPROCS(0), maxWriters),
	}
	if s.total == 0 {
		s.total = DefaultTotal()
	}
	s.behindAt = min(lagging, s.limits.Soft)
	return s
}

// NewQueue returns the queue of a connection. From now on only the queue writes to the
// connection and closes it. The caller reads.
func (s *Scheduler) NewQueue(conn net.Conn, owner Owner) *Queue {
	s.stats.queues.Add(1)
	return &Queue{scheduler: s, conn: conn, raw: nonBlocking(conn), owner: owner}
}

// nonBlocking returns conn for writes that do not block; nil if that is not possible.
func nonBlocking(conn net.Conn) syscall.RawConn {
	c, ok := conn.(*net.TCPConn)
	if !ok || !canTryWrite {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// Stats returns a snapshot.
func (s *Scheduler) Stats() Stats {
	snapshot := Stats{
		Connections: int(s.stats.queues.Load()),
		Held:        s.lags.held.Load(),
		Total:       s.total,
		Dropped:     s.stats.dropped.Load(),
		Blocked:     s.stats.blocked.Load(),
		Writes:      s.stats.writes.Load(),
		Frames:      s.stats.frames.Load(),
		Bytes:       s.stats.bytes.Load(),
	}
	for reason := range snapshot.Cut {
		snapshot.Cut[reason] = s.stats.cut[reason].Load()
	}
	return snapshot
}

// enqueue puts a queue at the end of the line, and starts a writer if there are fewer than
// allowed.
func (s *Scheduler) enqueue(q *Queue) {
	s.mu.Lock()
	if s.last == nil {
		s.first = q
	} else {
		s.last.next = q
	}
	s.last = q
	start := s.working < s.writers
	if start {
		s.working++
	}
	s.mu.Unlock()
	if start {
		go s.runWriter()
	}
}

// dequeue takes the first queue out of the line. If there is none, the calling writer ends.
func (s *Scheduler) dequeue() *Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.first
	if q == nil {
		s.working--
		return nil
	}
	if s.first = q.next; s.first == nil {
		s.last = nil
	}
	q.next = nil
	return q
}

// runWriter flushes queue after queue until the line is empty.
func (s *Scheduler) runWriter() {
	w := getTryWrite()
	defer putTryWrite(w)
	for q := s.dequeue(); q != nil; q = s.dequeue() {
		q.flush(w)
		s.enforceTotal()
	}
}
