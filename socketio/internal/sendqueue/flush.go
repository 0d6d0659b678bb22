package sendqueue

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

// flush is called by a writer. It writes what may be sent, up to what the writer's buffer
// holds and the connection takes without blocking.
func (q *Queue) flush(w *tryWrite) {
	q.mu.Lock()
	if q.ending == closed {
		q.mu.Unlock()
		return
	}
	q.state = writing
	buf := q.fill(w.buf[:0])
	q.mu.Unlock()

	n, err := w.write(q.raw, buf)

	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ending == closed {
		return
	}
	q.count(n)
	q.state = idle
	switch {
	case err != nil:
		q.writeFailed(err)
	case n < len(buf):
		q.scheduler.stats.blocked.Add(1)
		if q.lag == nil {
			q.fallBehind()
		}
		q.startBlocking()
	case q.sendable() > 0:
		q.schedule()
	default:
		q.shutdownIfEmpty()
	}
}

// count removes n written bytes from the queue, and adds them to the statistics.
func (q *Queue) count(n int) {
	before := q.sent
	q.advance(n)
	s := &q.scheduler.stats
	s.writes.Add(1)
	s.frames.Add(int64(q.sent - before))
	s.bytes.Add(int64(n))
}

// chunk is how many bytes a slow connection has to take within the timeout.
const chunk = 16 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// startBlocking gives the queue its own goroutine until nothing more can be sent.
func (q *Queue) startBlocking() {
	q.state = blocked
	go q.writeBlocking()
}

func (q *Queue) writeBlocking() {
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.ending != closed && q.sendable() > 0 {
		piece := q.fill(buf[:0])
		until := q.deadline()
		q.mu.Unlock()
		n, err := q.writeUntil(piece, until)
		q.mu.Lock()
		if q.ending == closed {
			return
		}
		q.count(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = q.cut(backlog.Timeout)
			return
		}
		if err != nil {
			q.writeFailed(err)
			return
		}
	}
	if q.ending == closed {
		return
	}
	_ = q.conn.SetWriteDeadline(time.Time{})
	q.state = idle
	if q.lag != nil && q.length() < q.scheduler.behindAt {
		q.catchUp()
	}
	q.shutdownIfEmpty()
}

func (q *Queue) writeUntil(piece []byte, until time.Time) (int, error) {
	if err := q.conn.SetWriteDeadline(until); err != nil {
		return 0, err
	}
	return q.conn.Write(piece)
}

func (q *Queue) deadline() time.Time {
	if q.ending == closing {
		return q.until
	}
	return time.Now().Add(q.scheduler.timeout)
}
