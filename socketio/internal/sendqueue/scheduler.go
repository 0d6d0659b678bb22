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

// Config is what an [Scheduler] is set up with; the zero value means the defaults.
type Config struct {
	// Limits are for what waits for one connection: the bytes of frames, and what
	// a frame and its place in the queue take. Default: 16 MiB, and the others as
	// [backlog.Limits.WithDefaults] has them.
	Limits backlog.Limits
	// Total is how much memory the queues of all connections that are behind may
	// hold, a frame that they share counted once. When they hold more, those with
	// the longest queues are cut. Default: [DefaultTotal].
	Total int64
	// Timeout is how long a connection may take nothing before it is cut, and how
	// long one that is being closed may take for what still waits. Default: 30 s.
	Timeout time.Duration
}

// The defaults of [Config].
const (
	DefaultBytes   = 16 << 20
	DefaultTimeout = 30 * time.Second
)

// DefaultTotal is a quarter of the memory that the process may have: half of it is
// what the collector lets a heap grow to beyond what is alive. Where nobody knows
// how much that is, it is 1 GiB.
func DefaultTotal() int64 {
	if limit := memlimit.Bytes(); limit > 0 {
		return limit / 4
	}
	return 1 << 30
}

// batch is how much is written at once.
const batch = 64 << 10

// maxWriters is enough for any machine: what they do is mostly the kernel's work.
const maxWriters = 8

// Scheduler has the writers, and the line of queues that wait for them.
type Scheduler struct {
	limits   backlog.Limits
	behindAt int // bytes that wait for a connection that is behind
	total    int64
	timeout  time.Duration
	writers  int // at most
	stats    counters
	lags     lags

	mu      sync.Mutex
	first   *Queue
	last    *Queue
	working int // writers
}

type counters struct {
	queues, dropped, blocked, writes, frames, bytes atomic.Int64
	cut                                             [backlog.Reasons]atomic.Int64
}

// Stats is a snapshot of what a scheduler does and has done.
type Stats struct {
	Connections int                    // open now
	Cut         [backlog.Reasons]int64 // connections that were too slow
	Held        int64                  // memory in the queues of those that are behind, in bytes
	Dropped     int64                  // volatile frames for connections that were behind
	Blocked     int64                  // times that a connection did not take everything
	Writes      int64
	Frames      int64 // written
	Bytes       int64 // written
}

// NewScheduler makes a scheduler. It does nothing until there is something to send.
func NewScheduler(cfg Config) *Scheduler {
	o := &Scheduler{
		limits:  cfg.Limits.WithDefaults(DefaultBytes),
		total:   cfg.Total,
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout),
		writers: min(runtime.GOMAXPROCS(0), maxWriters),
	}
	if o.total == 0 {
		o.total = DefaultTotal()
	}
	o.behindAt = min(lagging, o.limits.Soft)
	return o
}

// Open opens a queue for a connection, which is the queue's to write to and to close
// from now on. Reading stays with the caller.
func (o *Scheduler) Open(conn net.Conn, owner Owner) *Queue {
	o.stats.queues.Add(1)
	return &Queue{scheduler: o, conn: conn, raw: unblocking(conn), owner: owner}
}

// unblocking is the way to write to conn without blocking, nil if there is none.
func unblocking(conn net.Conn) syscall.RawConn {
	c, ok := conn.(*net.TCPConn)
	if !ok || !canTry {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// Stats returns a snapshot.
func (o *Scheduler) Stats() Stats {
	s := Stats{
		Connections: int(o.stats.queues.Load()),
		Held:        o.lags.held.Load(),
		Dropped:     o.stats.dropped.Load(),
		Blocked:     o.stats.blocked.Load(),
		Writes:      o.stats.writes.Load(),
		Frames:      o.stats.frames.Load(),
		Bytes:       o.stats.bytes.Load(),
	}
	for reason := range s.Cut {
		s.Cut[reason] = o.stats.cut[reason].Load()
	}
	return s
}

// line puts a queue at the end of the line, and calls a writer if there are fewer
// than allowed.
func (o *Scheduler) line(b *Queue) {
	o.mu.Lock()
	if o.last == nil {
		o.first = b
	} else {
		o.last.next = b
	}
	o.last = b
	call := o.working < o.writers
	if call {
		o.working++
	}
	o.mu.Unlock()
	if call {
		go o.work()
	}
}

// take takes the first queue out of the line. If there is none, the writer that
// asks may go home.
func (o *Scheduler) take() *Queue {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.first
	if b == nil {
		o.working--
		return nil
	}
	if o.first = b.next; o.first == nil {
		o.last = nil
	}
	b.next = nil
	return b
}

// work is a writer.
func (o *Scheduler) work() {
	t := getTry()
	defer putTry(t)
	for b := o.take(); b != nil; b = o.take() {
		b.turn(t)
		o.relieve()
	}
}
