package acks

import (
	"testing"
	"time"
)

// TestServerCount: a broadcast holds the count until its operator has read it, or does not
// read it for long.
func TestServerCount(t *testing.T) {
	n := 3
	c := ServerCount{Count: func() int { return n }}
	if got := c.Read(); got != 3 {
		t.Errorf("read %d", got)
	}
	c.hold()
	c.hold()
	n = 2
	if a, b := c.Read(), c.Read(); a != 3 || b != 3 {
		t.Errorf("operators read %d and %d, want 3", a, b)
	}
	if got := c.Read(); got != 2 {
		t.Errorf("read %d, want 2", got)
	}
	c.hold()
	if _, ok := c.settled(); ok {
		t.Error("settled with a reader to come")
	}
	c.since = time.Now().Add(-2 * maxUnread)
	if highest, ok := c.settled(); !ok || highest != 3 {
		t.Errorf("a reader that never comes: %d %v", highest, ok)
	}
}
