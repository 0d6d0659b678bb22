package cluster

import "sync"

import (
	"github.com/socketmesh/mesh/core"
)

// inboxes hold what the other servers have sent, one queue for each sender: its
// messages are processed in order, and user code that blocks on one of them
// holds up that sender alone.
type inboxes struct {
	limit  int // bytes per sender
	owner  *workers
	handle func(*core.Message)

	mu       sync.RWMutex
	closed   bool
	bySender map[string]*inbox
}

// inbox is the queue of one sender.
type inbox = serialQueue[inboxItem]

// inboxItem is a message, or what is to be called when those before it were processed.
type inboxItem struct {
	message *core.Message
	after   func()
}

// put queues m behind its sender's earlier messages. Where too much of them waits it
// returns a channel that is closed when less does.
func (in *inboxes) put(m *core.Message) (capacity <-chan struct{}) {
	if box := in.add(m.From, inboxItem{message: m}, sizeOf(m)); box != nil {
		return box.capacity()
	}
	return nil
}

// after calls f when what is in a sender's queue has been processed.
func (in *inboxes) after(sender string, f func()) {
	in.mu.RLock()
	box, closed := in.bySender[sender], in.closed
	in.mu.RUnlock()
	switch {
	case closed:
	case box == nil || box.idle():
		f()
	default:
		in.add(sender, inboxItem{after: f}, messageOverhead)
	}
}

// add puts an item into a sender's queue, which it returns; nil after close.
func (in *inboxes) add(sender string, item inboxItem, size int) *inbox {
	for {
		box := in.of(sender)
		if box == nil || box.add(item, size) {
			return box
		}
		in.forget(sender, box)
	}
}

func (in *inboxes) process(item inboxItem) {
	if item.after != nil {
		item.after()
		return
	}
	in.handle(item.message)
}

// of is the sender's queue. A sender that has not joined gets a temporary one.
// It is nil after close.
func (in *inboxes) of(sender string) *inbox {
	in.mu.RLock()
	box, closed := in.bySender[sender], in.closed
	in.mu.RUnlock()
	if box != nil || closed {
		return box
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if box := in.bySender[sender]; box != nil || in.closed {
		return box
	}
	box = newSerialQueue(in.limit, in.owner, in.process)
	box.temporary = true
	box.died = func() { in.forget(sender, box) }
	in.bySender[sender] = box
	return box
}

// joined gives the sender a queue that stays.
func (in *inboxes) joined(sender string) {
	for {
		box := in.of(sender)
		if box == nil || box.keep(true) {
			return
		}
		in.forget(sender, box)
	}
}

// left lets the sender's queue go, when what is in it has been processed.
func (in *inboxes) left(sender string) {
	in.mu.RLock()
	box := in.bySender[sender]
	in.mu.RUnlock()
	if box == nil {
		return
	}
	box.release()
	if !box.keep(false) {
		in.forget(sender, box)
	}
}

// forget removes a queue that is dead, and therefore empty.
func (in *inboxes) forget(sender string, box *inbox) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.bySender[sender] == box {
		delete(in.bySender, sender)
	}
}

// close throws away what waits. Those who wait for room are let go.
func (in *inboxes) close() {
	in.mu.Lock()
	boxes := in.bySender
	in.bySender, in.closed = nil, true
	in.mu.Unlock()
	for _, box := range boxes {
		box.kill()
	}
}

// messageOverhead is roughly what a message holds besides its payload and names.
const messageOverhead = 256

// size is roughly the memory m holds, for what waits in inboxes.
func sizeOf(m *core.Message) int {
	size := messageOverhead + m.Payload.Size() + 24*len(m.Payload.Attachments)
	for _, names := range [...][]string{m.To.Rooms, m.To.Except, m.Rooms} {
		for _, name := range names {
			size += 16 + len(name)
		}
	}
	return size
}
