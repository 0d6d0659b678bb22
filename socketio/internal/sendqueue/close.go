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

// Close sends what waits, gates or not, and last, if that is not nil; then it
// ends the sending side of the connection. Whoever reads gets the peer's end, or a
// timeout soon, and then calls [Queue.Drop]. Frames that are put later are refused.
func (b *Queue) Close(last *Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ending != open {
		return
	}
	b.gates = nil
	if last != nil {
		b.push(last)
	}
	b.ending = closing
	b.until = time.Now().Add(b.scheduler.timeout)
	b.kick()
	if b.state == idle {
		b.flushed()
	}
}

// flushed ends the sending side of a closing queue that is empty.
func (b *Queue) flushed() {
	if b.ending != closing || b.queue.len() > 0 {
		return
	}
	_ = b.conn.SetReadDeadline(time.Now().Add(linger))
	c, ok := b.conn.(interface{ CloseWrite() error })
	switch {
	case !ok:
	case b.raw == nil:
		go c.CloseWrite() // TLS says goodbye first, which may block
	default:
		_ = c.CloseWrite()
	}
}

// broke ends sending when writing has failed with err. A peer that has gone may have
// sent something before: that can still be read, and the reader meets the connection's
// end behind it, and calls [Queue.Drop]. If it does not, the queue fails after a while.
func (b *Queue) broke(err error) {
	var gone syscall.Errno
	if b.ending != open || !errors.As(err, &gone) {
		b.fail(err)
		return
	}
	b.ending = broken
	b.forget()
	time.AfterFunc(linger, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.fail(err)
	})
}

// Drop closes the queue and its connection at once. It reports false if that has
// happened already. The owner is not told.
func (b *Queue) Drop() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drop()
}

// fail drops the queue and tells the owner.
func (b *Queue) fail(err error) {
	if b.drop() {
		go b.owner.Failed(err)
	}
}

func (b *Queue) drop() bool {
	if b.ending == closed {
		return false
	}
	b.ending = closed
	b.scheduler.stats.queues.Add(-1)
	b.forget()
	_ = bottom(b.conn).Close()
	return true
}

// forget lets go of all that waits.
func (b *Queue) forget() {
	if b.lag != nil {
		b.catchUp()
	}
	b.queue, b.gates, b.notes, b.waiting = fifo{}, nil, nil, 0
}

// bottom is the connection under TLS, which closes without a last word that could
// block.
func bottom(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return c.NetConn()
	}
	return conn
}
