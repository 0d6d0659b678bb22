package admission

import (
	"context"
	"time"
)

// Ticket is one client's place at a gate. All methods may be called on a nil Ticket, and by
// anyone.
type Ticket struct {
	gate  *Gate
	turn  chan struct{} // closed when the turn has come; nil if it came at once
	since time.Time     // in line: when the client came; at work: the last step
	owned bool          // somebody releases it later

	list       *list // that it is in; nil when it is released
	prev, next *Ticket
}

// Step notes that the handshake goes on, after it has waited for the client.
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

// stillWanted releases the ticket of a client that has gone while it waited.
func (t *Ticket) stillWanted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	t.Release()
	return context.Cause(ctx)
}

// Own notes that somebody releases the ticket when the client is in.
func (t *Ticket) Own() {
	if t == nil {
		return
	}
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	t.owned = true
}

// Answered releases the ticket of a request that is answered, unless somebody owns it: then
// the client was let in.
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

// Release notes that the handshake is over. It may be called again.
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

// list keeps tickets in the order in which they were put into it.
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
