package node

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// capacity lets publishers wait until less waits for peers. Nobody waits, mostly: then a
// writer looks at one word.
type capacity struct{ changed atomic.Pointer[chan struct{}] }

// change returns what is closed when there may be more capacity than now.
func (c *capacity) change() <-chan struct{} {
	for {
		if ch := c.changed.Load(); ch != nil {
			return *ch
		}
		ch := make(chan struct{})
		if c.changed.CompareAndSwap(nil, &ch) {
			return ch
		}
	}
}

// signal is called when something was written, and now and then.
func (c *capacity) signal() {
	if c.changed.Load() == nil {
		return
	}
	if ch := c.changed.Swap(nil); ch != nil {
		close(*ch)
	}
}

// WaitForCapacity returns when no more than half of QueueBytes and QueueMessages waits for
// any peer that has a link and is not being cut. If ctx or the node ends before, the error is
// a [*core.CapacityError].
func (n *Node) WaitForCapacity(ctx context.Context) error {
	for {
		changed := n.capacity.change() // before looking
		full := n.fullPeers()
		if len(full) == 0 {
			return nil
		}
		if err := n.awaitChange(ctx, changed); err != nil {
			return &core.CapacityError{Full: full, Cause: err}
		}
	}
}

// fullPeers are the ids of those for which too much waits.
func (n *Node) fullPeers() (full []string) {
	for _, p := range n.peers.Load().list {
		if p.isFull() {
			full = append(full, p.id)
		}
	}
	slices.Sort(full)
	return full
}

// isFull tells whether publishers should wait for a peer. Nobody waits for one without a
// link: that may take long, or for ever, and what waits for it is bounded.
func (p *peer) isFull() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down || p.cutting || len(p.links) == 0 {
		return false
	}
	q := &p.queue
	return q.bytes > q.limits.Soft/2 || q.waiting+q.writing > q.maxMessages/2
}
