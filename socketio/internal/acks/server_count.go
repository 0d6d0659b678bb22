package acks

import (
	"sync"
	"time"
)

// ServerCount answers how many servers there are, and keeps the answer the same while a
// broadcast with acknowledgements begins.
//
// The library's operator calls BroadcastWithAck, then reads ServerCount, and is done when
// its count callback was called as often as the number that it has read. If a server
// joined or died between the two, the numbers would differ, and the operator would wait
// for its timeout. So the count that BroadcastWithAck began with stays the answer until
// the operator has read it.
//
// Reads do not tell who makes them. So each broadcast holds the count for one read,
// whoever makes it. A read by other code in that moment lets go of the count too early.
// That matters only if a server joins or dies in the same moment; then further calls of
// the count callback help (see [ServerCount.settled]), unless the server is lost between
// the end of the request and the operator's read. For a broadcast whose operator never
// reads the count is held for maxUnread.
type ServerCount struct {
	// Count is how many servers there are now. It is set before the first use.
	Count func() int

	mu      sync.Mutex
	held    int // the answer while unread > 0
	unread  int // broadcasts whose operator has not read yet
	since   time.Time
	highest int // of all answers
}

const maxUnread = time.Second

// hold returns the count for a broadcast that begins, and keeps it for its operator.
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

// settled returns the highest count that anyone may have read, and whether all operators
// have read theirs.
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
