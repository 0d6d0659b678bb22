package node

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// capacity lets publishers wait until the queues of the peers are shorter. If none waits,
// which is the rule, a writer that has written loads one word.
type capacity struct{ changed atomic.Pointer[chan struct{}] }

// change returns a channel that is closed when there may be more capacity.
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

// signal is called when something was written, and by the heartbeat.
func (c *capacity) signal() {
	if c.changed.Load() == nil {
		return
	}
	if ch := c.changed.Swap(nil); ch != nil {
		close(*ch)
	}
}

// WaitForCapacity returns when no linked peer that is not being cut has more than half of
// QueueBytes and QueueMessages in its queue. If ctx or the node ends before, the error is
// a [*core.CapacityError].
func (n *Node) WaitForCapacity(ctx context.Context) error {
	for {
		changed := n.capacity.change() // before looking at the queues, so that no change is missed
		full := n.fullPeers()
		if len(full) == 0 {
			return nil
		}
		if err := n.awaitChange(ctx, changed); err != nil {
			return &core.CapacityError{Full: full, Cause: err}
		}
	}
}

// fullPeers returns the ids of the peers for which publishers should wait.
func (n *Node) fullPeers() (full []string) {
	for _, p := range n.peers.Load().list {
		if p.isFull() {
			full = append(full, p.id)
		}
	}
	slices.Sort(full)
	return full
}

// isFull reports whether publishers should wait for a peer. They do not wait for one
// without a link: it may never come back, and its queue is bounded.
func (p *peer) isFull() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down || p.cutting || len(p.links) == 0 {
		return false
	}
	q := &p.queue
	return q.bytes > q.limits.Soft/2 || q.waiting+q.writing > q.maxMessages/2
}
