package inflow

import (
	"cmp"
	"runtime"
	"sync"
	"sync/atomic"
)

// Limits limit how far a client may be ahead of its handlers. Zero means the default.
type Limits struct {
	Packets int
	Bytes   int
}

// The defaults of [Limits].
const (
	DefaultPackets = 1000
	DefaultBytes   = 1 << 20
)

// Clients is shared by the flows of all clients of one constructor.
type Clients struct {
	limits Limits
	held   atomic.Int64
	holds  atomic.Int64
	passed atomic.Int64
	bytes  atomic.Int64 // the bytes of these packets
}

// NewClients makes the shared part of the flows.
func NewClients(limits Limits) *Clients {
	return &Clients{limits: Limits{
		Packets: cmp.Or(limits.Packets, DefaultPackets),
		Bytes:   cmp.Or(limits.Bytes, DefaultBytes),
	}}
}

// Held returns how many clients are held back now, Holds how often a client was, Packets
// how many packets of clients were passed on to handlers, and Bytes the size of these.
func (c *Clients) Held() int      { return int(c.held.Load()) }
func (c *Clients) Holds() int64   { return c.holds.Load() }
func (c *Clients) Packets() int64 { return c.passed.Load() }
func (c *Clients) Bytes() int64   { return c.bytes.Load() }

// Flow counts what one client has sent and its handlers have not handled, in all
// namespaces. The zero Flow holds nothing back. Its methods are safe for concurrent use.
type Flow struct {
	clients *Clients
	owner   Owner
	coming  atomic.Int64 // bytes received of packets that are not passed on yet

	// Ping is the engine socket's last ping. It belongs to the client, not to a transport:
	// a ping that was sent to a client that polls is answered over the WebSocket if the
	// client has been upgraded meanwhile.
	Ping Ping

	mu      sync.Mutex
	packets int
	bytes   int
	resume  func() // makes the transport read again; nil if the client is not held back
	ended   bool   // the connection has ended: it does not count as held back
}

// Owner is a client, which knows the namespaces of its flow.
type Owner interface {
	// Namespaces calls visit for each namespace, with its queue.
	Namespaces(visit func(*Namespace, Queue))
}

// Queue holds the packets of a namespace that wait for handlers.
type Queue interface {
	// Behind adds a task that runs when everything in the queue is handled, listeners of
	// events included.
	Behind(task func())
}

// Namespace counts the packets of one namespace that wait in its queue. The zero Namespace
// is empty. It belongs to one Flow, which guards it.
type Namespace struct {
	packets int32 // packets that wait, as far as the last mark tells
	marked  int32 // how many of them are in front of the mark
	bytes   int
	behind  int // how many of bytes are in front of the mark
	marking bool
}

// often and oftenBytes are how many packets, or bytes, of a namespace lie between two marks,
// which tell how far its handlers are. A mark costs two tasks in the namespace's queue.
const (
	often      = 64
	oftenBytes = 64 << 10
)

// Init allows the flow to hold its client back. It is called before there are packets.
func (f *Flow) Init(clients *Clients, owner Owner) { f.clients, f.owner = clients, owner }

// Came notes that bytes of a packet have been received.
func (f *Flow) Came(bytes int) { f.coming.Add(int64(bytes)) }

// Passed notes that a packet is about to be put into a namespace's queue.
func (f *Flow) Passed(n *Namespace, q Queue) {
	if f.clients == nil {
		return
	}
	f.clients.passed.Add(1)
	bytes := int(f.coming.Swap(0))
	f.clients.bytes.Add(int64(bytes))
	f.mu.Lock()
	mark := f.mark(n, n.packets >= often || n.bytes >= oftenBytes)
	n.packets++
	n.bytes += bytes
	f.packets++
	f.bytes += bytes
	f.mu.Unlock()
	if mark {
		q.Behind(func() { f.reached(n, q) })
		runtime.Gosched() // otherwise a client that sends much could keep others from running
	}
}

// mark notes that all packets of a namespace so far are in front of a new mark, and reports
// whether to put one into the queue: if wanted, and if no other mark is in it.
func (f *Flow) mark(n *Namespace, wanted bool) bool {
	if !wanted || n.marking || n.packets == 0 {
		return false
	}
	n.marking, n.marked, n.behind = true, n.packets, n.bytes
	return true
}

// reached is called in the namespace's queue when the packets in front of the mark are
// handled. It yields the processor, too.
func (f *Flow) reached(n *Namespace, q Queue) {
	f.mu.Lock()
	if !n.marking { // the namespace has been closed
		f.mu.Unlock()
		return
	}
	n.marking = false
	f.take(n, n.marked, n.behind)
	again := f.mark(n, f.resume != nil || n.packets >= often || n.bytes >= oftenBytes)
	resume := f.mayGoOn()
	f.mu.Unlock()
	if resume != nil {
		resume()
	}
	if again {
		q.Behind(func() { f.reached(n, q) })
	}
	runtime.Gosched()
}

func (f *Flow) take(n *Namespace, packets int32, bytes int) {
	n.packets -= packets
	n.bytes -= bytes
	f.packets -= int(packets)
	f.bytes -= bytes
}

// mayGoOn returns the function that resumes a client that is held back, if not more than
// half of the limits is left; else nil.
func (f *Flow) mayGoOn() (resume func()) {
	if f.resume == nil || f.packets > f.clients.limits.Packets/2 || f.bytes > f.clients.limits.Bytes/2 {
		return nil
	}
	resume, f.resume = f.resume, nil
	f.uncount()
	return resume
}

// Closed notes that a namespace's queue accepts and handles nothing more.
func (f *Flow) Closed(n *Namespace) {
	f.mu.Lock()
	f.take(n, n.packets, n.bytes)
	n.marking = false
	var resume func()
	if f.clients != nil {
		resume = f.mayGoOn()
	}
	f.mu.Unlock()
	if resume != nil {
		resume()
	}
}

// Ahead reports whether the client is too far ahead to read from it.
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
	// There may be no mark behind the last packets.
	f.owner.Namespaces(func(n *Namespace, q Queue) {
		f.mu.Lock()
		mark := f.mark(n, true)
		f.mu.Unlock()
		if mark {
			q.Behind(func() { f.reached(n, q) })
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
	} else { // a client that is being upgraded has two transports
		first, second := f.resume, resume
		resume = func() { first(); second() }
	}
	f.resume = resume
	return true
}

// End notes that the connection has ended. Its packets are still handled, but it no longer
// counts as held back.
func (f *Flow) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resume != nil {
		f.uncount()
	}
	f.ended = true
}

// uncount removes the client from the count of those that are held back.
func (f *Flow) uncount() {
	if !f.ended {
		f.clients.held.Add(-1)
	}
}

// Release resumes a client that is held back, because a transport is about to be closed.
// Another transport of the client calls Hold again.
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

// Held reports whether the client is held back.
func (f *Flow) Held() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.resume != nil
}
