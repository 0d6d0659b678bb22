package admission

import (
	"context"
	"time"
)

// Ticket is one client's place at a gate. Its methods are safe for concurrent use, and do
// nothing on a nil Ticket.
type Ticket struct {
	gate  *Gate
	turn  chan struct{} // closed when the turn has come; nil if the client did not wait
	since time.Time     // in line: when the client came; working: its last step
	owned bool          // Own was called: the owner calls Release

	list       *list // the list that holds the ticket; nil after release
	prev, next *Ticket
}

// Step notes that the handshake makes progress, after it has waited for the client.
func (t *Ticket) Step() {
	if t == nil {
		return
	}
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.list == &g.working {
		g.working.remove(t)
		t.since = time.Now()
		g.working.push(t)
	}
}

// stillWanted releases the ticket if its client has gone while it waited.
func (t *Ticket) stillWanted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	t.Release()
	return context.Cause(ctx)
}

// Own notes that the caller will call Release when the client is connected or gone.
func (t *Ticket) Own() {
	if t == nil {
		return
	}
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	t.owned = true
}

// Answered releases the ticket of a request that has been answered, unless it is owned:
// then the client was admitted, and its handshake goes on.
func (t *Ticket) Answered() {
	if t == nil {
		return
	}
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	if !t.owned {
		t.release()
	}
}

// Release notes that the handshake is over. It is idempotent.
func (t *Ticket) Release() {
	if t == nil {
		return
	}
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	t.release()
}

func (t *Ticket) release() {
	if t.list == nil {
		return
	}
	t.list.remove(t)
	t.gate.next()
}

// list holds tickets in the order in which they were added.
type list struct {
	head, tail *Ticket
	n          int
}

func (l *list) first() *Ticket { return l.head }
func (l *list) last() *Ticket  { return l.tail }

func (l *list) push(t *Ticket) {
	t.list, t.prev, t.next = l, l.tail, nil
	if l.tail != nil {
		l.tail.next = t
	} else {
		l.head = t
	}
	l.tail = t
	l.n++
}

func (l *list) remove(t *Ticket) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.head = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		l.tail = t.prev
	}
	t.list, t.prev, t.next = nil, nil, nil
	l.n--
}
