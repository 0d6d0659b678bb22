package sendqueue

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

// turn is a writer's: it writes all that waits, as far as that goes in one go.
func (b *Queue) turn(t *try) {
	b.mu.Lock()
	if b.ending == closed {
		b.mu.Unlock()
		return
	}
	b.state = writing
	buf := b.fill(t.buf[:0])
	b.mu.Unlock()

	n, err := t.write(b.raw, buf)

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ending == closed {
		return
	}
	b.count(n)
	b.state = idle
	switch {
	case err != nil:
		b.broke(err)
	case n < len(buf):
		b.scheduler.stats.blocked.Add(1)
		if b.lag == nil {
			b.fallBehind()
		}
		b.block()
	case b.sendable() > 0:
		b.kick()
	default:
		b.flushed()
	}
}

// count takes n written bytes off, and counts them.
func (b *Queue) count(n int) {
	before := b.sent
	b.advance(n)
	s := &b.scheduler.stats
	s.writes.Add(1)
	s.frames.Add(int64(b.sent - before))
	s.bytes.Add(int64(n))
}

// chunk is how much a connection that is slow has to take within the timeout.
const chunk = 16 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// block gives the queue a goroutine of its own until nothing more can be sent.
func (b *Queue) block() {
	b.state = blocked
	go b.unblock()
}

func (b *Queue) unblock() {
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.ending != closed && b.sendable() > 0 {
		piece := b.fill(buf[:0])
		until := b.deadline()
		b.mu.Unlock()
		n, err := b.writeUntil(piece, until)
		b.mu.Lock()
		if b.ending == closed {
			return
		}
		b.count(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = b.cut(backlog.Timeout)
			return
		}
		if err != nil {
			b.broke(err)
			return
		}
	}
	if b.ending == closed {
		return
	}
	_ = b.conn.SetWriteDeadline(time.Time{})
	b.state = idle
	if b.lag != nil && b.length() < b.scheduler.behindAt {
		b.catchUp()
	}
	b.flushed()
}

func (b *Queue) writeUntil(piece []byte, until time.Time) (int, error) {
	if err := b.conn.SetWriteDeadline(until); err != nil {
		return 0, err
	}
	return b.conn.Write(piece)
}

func (b *Queue) deadline() time.Time {
	if b.ending == closing {
		return b.until
	}
	return time.Now().Add(b.scheduler.timeout)
}
