package cluster

import "sync"

import (
	"github.com/socketmesh/mesh/core"
)

// inboxes hold the messages of the other servers, in one queue per sender: they are
// processed in order, and user code that blocks on one of them holds up that sender only.
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

// inboxItem is a message, or a function to call when the messages before it were
// processed.
type inboxItem struct {
	message *core.Message
	after   func()
}

// put queues m behind its sender's earlier messages. If more waits than the limit, it
// returns a channel that is closed when less does.
func (in *inboxes) put(m *core.Message) (capacity <-chan struct{}) {
	if box := in.add(m.From, inboxItem{message: m}, sizeOf(m)); box != nil {
		return box.capacity()
	}
	return nil
}

// after calls f when the messages in a sender's queue have been processed.
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

// add adds an item to a sender's queue and returns the queue; nil after close.
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

// of returns the sender's queue; nil after close. A sender that has not joined gets a
// temporary one.
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

// joined makes the sender's queue permanent.
func (in *inboxes) joined(sender string) {
	for {
		box := in.of(sender)
		if box == nil || box.keep(true) {
			return
		}
		in.forget(sender, box)
	}
}

// left makes the sender's queue temporary: it dies when its messages have been processed.
// Goroutines that wait for its capacity are released.
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

// forget removes a dead queue, which is empty.
func (in *inboxes) forget(sender string, box *inbox) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.bySender[sender] == box {
		delete(in.bySender, sender)
	}
}

// close drops the messages that wait, and releases goroutines that wait for capacity.
func (in *inboxes) close() {
	in.mu.Lock()
	boxes := in.bySender
	in.bySender, in.closed = nil, true
	in.mu.Unlock()
	for _, box := range boxes {
		box.kill()
	}
}

// messageOverhead is roughly the memory of a message beside its payload and names.
const messageOverhead = 256

// sizeOf returns roughly the memory of m, for the limit of inboxes.
func sizeOf(m *core.Message) int {
	size := messageOverhead + m.Payload.Size() + 24*len(m.Payload.Attachments)
	for _, names := range [...][]string{m.To.Rooms, m.To.Except, m.Rooms} {
		for _, name := range names {
			size += 16 + len(name)
		}
	}
	return size
}
