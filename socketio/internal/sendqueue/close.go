package sendqueue

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// linger is how long a peer may take to answer the last frame before its connection is
// closed.
const linger = 2 * time.Second

// Close sends what waits, held or not, and last, if that is not nil; then it closes the
// sending side of the connection. The connection's reader soon gets the peer's end, or a
// timeout, and then calls [Queue.Drop]. Frames that are put later are refused.
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

// shutdownIfEmpty closes the sending side of the connection if the queue is closing and has
// sent everything.
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

// writeFailed stops sending after a write has failed. A peer that has gone may have sent
// something before: that can still be read, and then the reader gets the connection's end
// and calls [Queue.Drop]. If it does not, the queue fails after a while.
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

// Drop closes the queue and its connection at once. It returns false if that has happened
// already. It does not call the owner.
func (q *Queue) Drop() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.drop()
}

// fail drops the queue and calls the owner's Failed.
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

// discard discards everything that waits.
func (q *Queue) discard() {
	if q.lag != nil {
		q.catchUp()
	}
	q.frames, q.holds, q.marks, q.waiting = fifo{}, nil, nil, 0
}

// withoutTLS returns the connection below TLS: closing it sends no close_notify, which
// could block.
func withoutTLS(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return c.NetConn()
	}
	return conn
}
