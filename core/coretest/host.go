package coretest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Host is one namespace of a simulated Socket.IO server: its sockets are entries in a
// table, which join, leave, match and answer like real ones. It records how it was
// called.
type Host struct {
	mu      sync.Mutex
	clients map[string]*Client
	calls   []Call
	before  func(Call)
	listen  func(event core.Payload, reply func(core.Payload))
	changed chan struct{} // closed at the next change

	members   map[string]int // by room
	occupancy core.Occupancy // to which rooms are reported; may be nil
}

var _ core.Host = (*Host)(nil)

// Call is one call of a [Host] method, with its arguments.
type Call struct {
	Method string // such as "Broadcast"
	Event  core.Payload
	To     core.Target
	Rooms  []string
	Close  bool
	Brief  bool
}

// NewHost returns a host without sockets.
func NewHost() *Host {
	return &Host{clients: map[string]*Client{}, changed: make(chan struct{}), members: map[string]int{}}
}

// Report reports from now on which rooms have members.
func (h *Host) Report(o core.Occupancy) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.occupancy = o
	for room := range h.members {
		o.Occupied(room)
	}
}

// Connect adds a socket to the room of its id and to rooms.
func (h *Host) Connect(id string, rooms ...string) *Client {
	c := &Client{host: h, id: id, connected: true, rooms: map[string]bool{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[id] = c
	c.enter(id)
	for _, room := range rooms {
		c.enter(room)
	}
	h.change()
	return c
}

// Client returns the connected socket with this id, or nil.
func (h *Host) Client(id string) *Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clients[id]
}

// Before sets a function that runs at the start of every call of the mesh: to block, to
// panic, or to inspect.
func (h *Host) Before(f func(Call)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = f
}

// Listen sets the listener of server-side events. reply is nil if no answer is wanted.
func (h *Host) Listen(f func(event core.Payload, reply func(core.Payload))) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listen = f
}

// Calls returns the calls so far, in the order in which they began.
func (h *Host) Calls() []Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// Count returns the number of calls of one method so far.
func (h *Host) Count(method string) int {
	n := 0
	for _, call := range h.Calls() {
		if call.Method == method {
			n++
		}
	}
	return n
}

// ServerEvents returns the texts of the received server-side events, in order.
func (h *Host) ServerEvents() []string {
	var texts []string
	for _, call := range h.Calls() {
		if call.Method == "ServerSideEmit" {
			texts = append(texts, string(call.Event.Text))
		}
	}
	return texts
}

// Until waits until cond returns true, or returns ctx's cause. It calls cond after every
// call of the host.
func (h *Host) Until(ctx context.Context, cond func() bool) error {
	for {
		h.mu.Lock()
		changed := h.changed
		h.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// change wakes the goroutines that wait in Until; h.mu is held.
func (h *Host) change() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// note records a call, and runs the function of Before.
func (h *Host) note(call Call) {
	h.mu.Lock()
	h.calls = append(h.calls, call)
	before := h.before
	h.change()
	h.mu.Unlock()
	if before != nil {
		before(call)
	}
}

// each calls f for the matching sockets, in the order of their ids, under one lock.
func (h *Host) each(to core.Target, f func(*Client)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.matching(to) {
		f(c)
	}
	h.change()
}

func (h *Host) matching(to core.Target) []*Client {
	var matching []*Client
	for _, c := range h.clients {
		if c.matches(to) {
			matching = append(matching, c)
		}
	}
	slices.SortFunc(matching, func(a, b *Client) int { return cmp.Compare(a.id, b.id) })
	return matching
}

// Broadcast implements [core.Host].
func (h *Host) Broadcast(event core.Payload, to core.Target) {
	h.note(Call{Method: "Broadcast", Event: event, To: to})
	h.each(to, func(c *Client) { c.received = append(c.received, event) })
}

// BroadcastWithAck implements [core.Host]. Clients that answer at once do so
// before count is called.
func (h *Host) BroadcastWithAck(event core.Payload, to core.Target, count func(int), ack func(core.Payload)) {
	h.note(Call{Method: "BroadcastWithAck", Event: event, To: to})
	deadline := time.Now().Add(to.Flags.Timeout)
	type answer func(core.Payload, func(core.Payload))
	var answers []answer
	clients := 0
	h.each(to, func(c *Client) {
		c.received = append(c.received, event)
		clients++
		if c.answer != nil {
			answers = append(answers, c.answer)
		}
	})
	for _, answer := range answers {
		var once sync.Once
		answer(event, func(p core.Payload) {
			if time.Now().Before(deadline) {
				once.Do(func() { ack(p) })
			}
		})
	}
	count(clients)
}

// Sockets implements [core.Host].
func (h *Host) Sockets(to core.Target, brief bool) []core.Socket {
	h.note(Call{Method: "Sockets", To: to, Brief: brief})
	var sockets []core.Socket
	h.each(to, func(c *Client) { sockets = append(sockets, c.describe(brief)) })
	return sockets
}

// Has implements [core.Host].
func (h *Host) Has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clients[id] != nil
}

// Join implements [core.Host].
func (h *Host) Join(to core.Target, rooms []string) {
	h.note(Call{Method: "Join", To: to, Rooms: rooms})
	h.each(to, func(c *Client) {
		for _, room := range rooms {
			c.enter(room)
		}
	})
}

// Leave implements [core.Host].
func (h *Host) Leave(to core.Target, rooms []string) {
	h.note(Call{Method: "Leave", To: to, Rooms: rooms})
	h.each(to, func(c *Client) {
		if rooms == nil {
			c.exitAll()
		}
		for _, room := range rooms {
			c.exit(room)
		}
	})
}

// Disconnect implements [core.Host].
func (h *Host) Disconnect(to core.Target, closeConn bool) {
	h.note(Call{Method: "Disconnect", To: to, Close: closeConn})
	h.each(to, func(c *Client) {
		c.connected, c.closed = false, closeConn
		c.exitAll()
		delete(h.clients, c.id)
	})
}

// ServerSideEmit implements [core.Host].
func (h *Host) ServerSideEmit(event core.Payload, reply func(core.Payload)) {
	h.note(Call{Method: "ServerSideEmit", Event: event})
	h.mu.Lock()
	listen := h.listen
	h.mu.Unlock()
	if listen != nil {
		listen(event, reply)
	}
}
