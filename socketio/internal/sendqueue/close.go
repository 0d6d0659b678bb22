package sendqueue

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// linger is how long a peer that has been told goodbye may take to answer, before
// the connection is closed under it.
const linger = 2 * time.Second

// Close sends what waits, held or not, and last, if that is not nil; then it ends the
// sending side of the connection. The connection's reader gets the peer's end, or a
// timeout soon, and then calls [Queue.Drop]. Frames that are put later are refused.
func (q *Queue) Close(last *Frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ending != open {
		return
	}
	q.holds = nil
	if last != nil {
		q.push(last)
	}
	q.ending = closing
	q.until = time.Now().Add(q.scheduler.timeout)
	q.schedule()
	if q.state == idle {
		q.shutdownIfEmpty()
	}
}

// shutdownIfEmpty ends the sending side of the connection if the queue is closing and
// has sent everything.
func (q *Queue) shutdownIfEmpty() {
	if q.ending != closing || q.frames.len() > 0 {
		return
	}
	_ = q.conn.SetReadDeadline(time.Now().Add(linger))
	c, ok := q.conn.(interface{ CloseWrite() error })
	switch {
	case !ok:
	case q.raw == nil:
		go c.CloseWrite() // TLS sends close_notify first, which may block
	default:
		_ = c.CloseWrite()
	}
}

// writeFailed ends sending after the error of a write. A peer that has gone may have
// sent something before: that can still be read, and the reader meets the connection's
// end behind it, and calls [Queue.Drop]. If it does not, the queue fails after a while.
func (q *Queue) writeFailed(err error) {
	var gone syscall.Errno
	if q.ending != open || !errors.As(err, &gone) {
		q.fail(err)
		return
	}
	q.ending = broken
	q.discard()
	time.AfterFunc(linger, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.fail(err)
	})
}

// Drop closes the queue and its connection at once. It reports false if that has
// happened already. The owner is not told.
func (q *Queue) Drop() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.drop()
}

// fail drops the queue and tells the owner.
func (q *Queue) fail(err error) {
	if q.drop() {
		go q.owner.Failed(err)
	}
}

func (q *Queue) drop() bool {
	if q.ending == closed {
		return false
	}
	q.ending = closed
	q.scheduler.stats.queues.Add(-1)
	q.discard()
	_ = withoutTLS(q.conn).Close()
	return true
}

// discard drops all that waits.
func (q *Queue) discard() {
	if q.lag != nil {
		q.catchUp()
	}
	q.frames, q.holds, q.marks, q.waiting = fifo{}, nil, nil, 0
}

// withoutTLS is the connection under TLS: closing it sends no close_notify, which could
// block.
func withoutTLS(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return c.NetConn()
	}
	return conn
}
