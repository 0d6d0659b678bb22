package outbox

import (
	"cmp"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Config is what an [Office] is set up with; the zero value means the defaults.
type Config struct {
	// Bytes that may wait for one connection; who adds a frame when there are
	// more cuts it. So a frame of any length can be sent, and the most that ever
	// waits is this and one frame. Default: 16 MiB.
	Bytes int
	// Timeout is how long a connection may take nothing before it is cut, and how
	// long one that is being closed may take for what still waits. Default: 30 s.
	Timeout time.Duration
}

// The defaults of [Config].
const (
	DefaultBytes   = 16 << 20
	DefaultTimeout = 30 * time.Second
)

// batch is how much is written at once.
const batch = 64 << 10

// maxWriters is enough for any machine: what they do is mostly the kernel's work.
const maxWriters = 8

// Office has the writers, and the line of boxes that wait for them.
type Office struct {
	limit   int
	timeout time.Duration
	writers int // at most
	stats   counters

	mu      sync.Mutex
	first   *Box
	last    *Box
	working int // writers
}

type counters struct {
	boxes, cut, dropped, blocked, writes, frames, bytes atomic.Int64
}

// Stats is a snapshot of what an office does and has done.
type Stats struct {
	Connections int   // open now
	Cut         int64 // connections that were too slow
	Dropped     int64 // volatile frames for connections that were behind
	Blocked     int64 // times that a connection did not take everything
	Writes      int64
	Frames      int64 // written
	Bytes       int64 // written
}

// NewOffice makes an office. It does nothing until there is something to send.
func NewOffice(cfg Config) *Office {
	return &Office{
		limit:   cmp.Or(cfg.Bytes, DefaultBytes),
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout),
		writers: min(runtime.GOMAXPROCS(0), maxWriters),
	}
}

// Open opens a box for a connection, which is the box's to write to and to close
// from now on. Reading stays with the caller.
func (o *Office) Open(conn net.Conn, owner Owner) *Box {
	o.stats.boxes.Add(1)
	return &Box{office: o, conn: conn, raw: unblocking(conn), owner: owner}
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
func (o *Office) Stats() Stats {
	return Stats{
		Connections: int(o.stats.boxes.Load()),
		Cut:         o.stats.cut.Load(),
		Dropped:     o.stats.dropped.Load(),
		Blocked:     o.stats.blocked.Load(),
		Writes:      o.stats.writes.Load(),
		Frames:      o.stats.frames.Load(),
		Bytes:       o.stats.bytes.Load(),
	}
}

// line puts a box at the end of the line, and calls a writer if there are fewer
// than allowed.
func (o *Office) line(b *Box) {
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

// take takes the first box out of the line. If there is none, the writer that
// asks may go home.
func (o *Office) take() *Box {
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
func (o *Office) work() {
	t := getTry()
	defer putTry(t)
	for b := o.take(); b != nil; b = o.take() {
		b.turn(t)
	}
}
