package socketio

import (
	"sync"
	"time"
)

// census answers ServerCount, and keeps the answer still for acknowledged
// broadcasts.
//
// The library's operator calls BroadcastWithAck, then reads ServerCount, and is
// done when the number of calls of its count callback equals what it read. A
// server that joins or dies between the two would make these two numbers differ,
// and the operator wait for its timeout. So the count that BroadcastWithAck
// started with stays the answer until the operator has read it.
//
// Who reads cannot be told, so each broadcast is good for one read, whoever makes
// it. A read of somebody else at that very moment can let go too early, which
// matters only if a server joins or dies at that very moment too; then calls
// beyond the number (see [census.settled]) help in all cases but that of a server
// lost between the end of the request and the operator's read. A caller that never
// reads is waited for at most maxUnread.
type census struct {
	count func() int

	mu      sync.Mutex
	pinned  int // the answer while unread > 0
	unread  int // broadcasts whose operator has not read yet
	since   time.Time
	highest int // of all answers
}

const maxUnread = time.Second

// pin returns the count for a broadcast that starts, and keeps it for its reader.
func (c *census) pin() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if c.unread == 0 {
		c.pinned = c.ask()
	}
	c.unread++
	c.since = time.Now()
	return c.pinned
}

// read returns the count.
func (c *census) read() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if c.unread == 0 {
		return c.ask()
	}
	c.unread--
	return c.pinned
}

// settled returns the highest count that anyone may have read, if all operators
// have read theirs.
func (c *census) settled() (highest int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	return c.highest, c.unread == 0
}

func (c *census) ask() int {
	n := max(1, c.count())
	c.highest = max(c.highest, n)
	return n
}

func (c *census) expire() {
	if c.unread > 0 && time.Since(c.since) > maxUnread {
		c.unread = 0
	}
}
