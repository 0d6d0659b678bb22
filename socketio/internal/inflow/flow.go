package inflow

import (
	"cmp"
	"runtime"
	"sync"
	"sync/atomic"
)

// Limits say how far a client may be ahead of its handlers. Zero means the default.
type Limits struct {
	Packets int
	Bytes   int
}

// The defaults of [Limits].
const (
	DefaultPackets = 1000
	DefaultBytes   = 1 << 20
)

// Clients is what the flows of all clients of one constructor share.
type Clients struct {
	limits Limits
	held   atomic.Int64
	holds  atomic.Int64
	passed atomic.Int64
}

// NewClients makes the flows' shared part.
func NewClients(limits Limits) *Clients {
	return &Clients{limits: Limits{
		Packets: cmp.Or(limits.Packets, DefaultPackets),
		Bytes:   cmp.Or(limits.Bytes, DefaultBytes),
	}}
}

// Held is how many clients are held back now, Holds how often one was, and Packets how
// many packets of clients were passed on to their handlers.
func (c *Clients) Held() int      { return int(c.held.Load()) }
func (c *Clients) Holds() int64   { return c.holds.Load() }
func (c *Clients) Packets() int64 { return c.passed.Load() }

// Flow is what one client has sent and its handlers have not handled, in all
// namespaces. The zero Flow holds nobody back; its methods may be called at once.
type Flow struct {
	clients *Clients
	owner   Owner
	coming  atomic.Int64 // bytes of a packet that is not passed on yet

	mu      sync.Mutex
	packets int
	bytes   int
	resume  func() // lets the client go on; nil if it is not held back
	ended   bool   // the connection has: it does not count as held back
}

// Owner knows the lanes of a flow.
type Owner interface {
	// Lanes calls visit for each of them, with its queue.
	Lanes(visit func(*Lane, Queue))
}

// Queue is where the packets of a lane wait.
type Queue interface {
	// Behind puts a task behind all that is in the queue, handlers of events
	// included.
	Behind(task func())
}

// Lane is the packets of one namespace: they wait in a queue of their own. The zero
// Lane is empty. It belongs to one Flow, which guards it.
type Lane struct {
	packets int32 // that wait, as far as is known
	marked  int32 // those of them that the mark is behind
	bytes   int
	behind  int // bytes of those marked
	marking bool
}

// often is how many packets, or bytes, of a lane go between two marks, which tell how far
// the lane's handlers are. A mark costs two tasks in the lane's queue.
const (
	often      = 64
	oftenBytes = 64 << 10
)

// Init lets the flow hold its client back. It is called before there are packets.
func (f *Flow) Init(clients *Clients, owner Owner) { f.clients, f.owner = clients, owner }

// Came notes that bytes of a packet have come in.
func (f *Flow) Came(bytes int) { f.coming.Add(int64(bytes)) }

// Passed notes that a packet is about to be put into a lane's queue.
func (f *Flow) Passed(l *Lane, q Queue) {
	if f.clients == nil {
		return
	}
	f.clients.passed.Add(1)
	bytes := int(f.coming.Swap(0))
	f.mu.Lock()
	mark := f.mark(l, l.packets >= often || l.bytes >= oftenBytes)
	l.packets++
	l.bytes += bytes
	f.packets++
	f.bytes += bytes
	f.mu.Unlock()
	if mark {
		q.Behind(func() { f.reached(l, q) })
		runtime.Gosched() // a client that sends much could keep others from running
	}
}

// mark notes that all packets of a lane so far are in front of a mark, if there is
// to be one and none is under way.
func (f *Flow) mark(l *Lane, wanted bool) bool {
	if !wanted || l.marking || l.packets == 0 {
		return false
	}
	l.marking, l.marked, l.behind = true, l.packets, l.bytes
	return true
}

// reached is called in the lane's queue when the packets in front of the mark are
// handled. It lets others run, too.
func (f *Flow) reached(l *Lane, q Queue) {
	f.mu.Lock()
	if !l.marking { // the lane has been closed
		f.mu.Unlock()
		return
	}
	l.marking = false
	f.take(l, l.marked, l.behind)
	again := f.mark(l, f.resume != nil || l.packets >= often || l.bytes >= oftenBytes)
	resume := f.room()
	f.mu.Unlock()
	if resume != nil {
		resume()
	}
	if again {
		q.Behind(func() { f.reached(l, q) })
	}
	runtime.Gosched()
}

func (f *Flow) take(l *Lane, packets int32, bytes int) {
	l.packets -= packets
	l.bytes -= bytes
	f.packets -= int(packets)
	f.bytes -= bytes
}

// room returns what to call if a client that is held back may go on: when no more than
// half of what may wait is left.
func (f *Flow) room() (resume func()) {
	if f.resume == nil || f.packets > f.clients.limits.Packets/2 || f.bytes > f.clients.limits.Bytes/2 {
		return nil
	}
	resume, f.resume = f.resume, nil
	f.uncount()
	return resume
}

// Closed notes that a lane's queue takes and handles nothing more.
func (f *Flow) Closed(l *Lane) {
	f.mu.Lock()
	f.take(l, l.packets, l.bytes)
	l.marking = false
	var resume func()
	if f.clients != nil {
		resume = f.room()
	}
	f.mu.Unlock()
	if resume != nil {
		resume()
	}
}

// Ahead tells whether the client is too far ahead to be read from.
func (f *Flow) Ahead() bool {
	if f.clients == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ahead()
}

func (f *Flow) ahead() bool {
	return f.packets >= f.clients.limits.Packets || f.bytes >= f.clients.limits.Bytes
}

// Hold holds the client back if it is ahead, and reports whether it does. resume is called
// once when the client is no longer ahead, by any goroutine, without locks.
func (f *Flow) Hold(resume func()) bool {
	if f.clients == nil || !f.hold(resume) {
		return false
	}
	// What came last may be in front of no mark.
	f.owner.Lanes(func(l *Lane, q Queue) {
		f.mu.Lock()
		mark := f.mark(l, true)
		f.mu.Unlock()
		if mark {
			q.Behind(func() { f.reached(l, q) })
		}
	})
	return true
}

func (f *Flow) hold(resume func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ahead() {
		return false
	}
	if f.resume == nil {
		if !f.ended {
			f.clients.held.Add(1)
		}
		f.clients.holds.Add(1)
	} else { // a client that is being upgraded has two
		first, second := f.resume, resume
		resume = func() { first(); second() }
	}
	f.resume = resume
	return true
}

// End notes that the connection has ended. Its packets are still handled, but nobody is
// held back any more.
func (f *Flow) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resume != nil {
		f.uncount()
	}
	f.ended = true
}

// uncount takes the client off those that are held back.
func (f *Flow) uncount() {
	if !f.ended {
		f.clients.held.Add(-1)
	}
}

// Release lets a client go on that is held back, because a transport is about to be
// closed. Another transport of the client asks again.
func (f *Flow) Release() {
	f.mu.Lock()
	resume := f.resume
	if resume != nil {
		f.resume = nil
		f.uncount()
	}
	f.mu.Unlock()
	if resume != nil {
		resume()
	}
}

// Held tells whether the client is held back.
func (f *Flow) Held() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.resume != nil
}
