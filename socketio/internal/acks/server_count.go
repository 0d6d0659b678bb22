package acks

import (
	"sync"
	"time"
)

// ServerCount counts servers for the library's operator, and keeps the count the same while
// a broadcast with acknowledgements begins.
//
// The library's operator calls BroadcastWithAck, then reads ServerCount, and is done when
// its count callback was called as often as the number that it has read. If a server joined
// or died between the two, the numbers would differ, and the operator would wait for its
// timeout. So Read returns the count that BroadcastWithAck began with until the operator
// has read it.
//
// Read does not know its caller. So each broadcast holds the count for one read by anybody,
// and a read by other code in that moment releases the count too early. That matters only
// if a server joins or dies in the same moment; then further calls of the count callback
// help (see [ServerCount.settled]), unless the server is lost between the end of the
// request and the operator's read. If the operator never reads, the count is held for
// maxUnread.
type ServerCount struct {
	// Count returns the number of servers now. It is set before the first use.
	Count func() int

	mu      sync.Mutex
	held    int // what Read returns while unread > 0
	unread  int // broadcasts whose operator has not read yet
	since   time.Time
	highest int // the highest count of all
}

const maxUnread = time.Second

// hold returns the count for a broadcast that begins, and holds it for its operator.
func (c *ServerCount) hold() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if c.unread == 0 {
		c.held = c.ask()
	}
	c.unread++
	c.since = time.Now()
	return c.held
}

// Read returns the count, at least 1.
func (c *ServerCount) Read() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if c.unread == 0 {
		return c.ask()
	}
	c.unread--
	return c.held
}

// settled returns the highest count that an operator may have read, and whether all
// operators have read theirs.
func (c *ServerCount) settled() (highest int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	return c.highest, c.unread == 0
}

func (c *ServerCount) ask() int {
	n := max(1, c.Count())
	c.highest = max(c.highest, n)
	return n
}

func (c *ServerCount) expire() {
	if c.unread > 0 && time.Since(c.since) > maxUnread {
		c.unread = 0
	}
}
