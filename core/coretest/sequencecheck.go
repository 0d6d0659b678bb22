package coretest

import (
	"fmt"
	"sync"
)

// SequenceCheck checks the order of messages at one receiver: every sender numbers its
// own, upwards in steps of one. All methods are safe for concurrent use; the zero value
// is ready.
type SequenceCheck struct {
	mu   sync.Mutex
	seen map[string]*span
	errs []error
}

// span is what was received from one sender: all numbers from first to last.
type span struct{ first, last int }

// Take notes the next message of a sender.
func (c *SequenceCheck) Take(sender string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]*span{}
	}
	s := c.seen[sender]
	switch {
	case s == nil:
		c.seen[sender] = &span{n, n}
		return
	case n != s.last+1:
		c.errs = append(c.errs, fmt.Errorf("number %d of %s came after %d", n, sender, s.last))
	}
	s.last = n
}

// Got returns the first and last number of a sender; 0 and -1 if it sent none.
func (c *SequenceCheck) Got(sender string) (first, last int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.seen[sender]; s != nil {
		return s.first, s.last
	}
	return 0, -1
}

// Err names the first message that was lost, came twice or was out of order; nil
// if there is none.
func (c *SequenceCheck) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w, the first of %d such", c.errs[0], len(c.errs))
}
