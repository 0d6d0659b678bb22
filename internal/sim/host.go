package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// host is one namespace of a simulated server. It has two clients: one that stays in
// the server's static room, and one that joins and leaves others.
type host struct {
	server    *server
	namespace int

	mu        sync.Mutex
	clients   []*client
	members   map[string]int    // by room
	stays     map[string][]stay // by room
	occupancy core.Occupancy
}

// stay is a time in which a room had members.
type stay struct {
	since, until time.Duration // until is -1 while it lasts
}

type client struct {
	id    string
	rooms map[string]bool
}

var _ core.Host = (*host)(nil)

func newHost(s *server, namespace int) *host {
	h := &host{server: s, namespace: namespace, members: map[string]int{}, stays: map[string][]stay{}}
	for _, kind := range []string{"static", "moving"} {
		h.clients = append(h.clients, &client{id: s.id + "/" + kind, rooms: map[string]bool{}})
	}
	h.join(h.clients[0], h.clients[0].id, staticRoom(s.host))
	h.join(h.clients[1], h.clients[1].id)
	return h
}

// staticRoom returns the room in which a client of each server on the host is.
func staticRoom(host int) string { return fmt.Sprint("static", host%3) }

// dynamicRooms is how many rooms there are to join and to leave.
const dynamicRooms = 3

// numberRoom is the prefix of rooms that carry the number of a message: a message that
// makes clients join rooms has no other place for it.
const numberRoom = "#"

// report makes the host report its rooms from now on.
func (h *host) report(o core.Occupancy) {
	if o == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.occupancy = o
	for room := range h.members {
		o.Occupied(room)
	}
}

func (h *host) join(c *client, rooms ...string) {
	for _, room := range rooms {
		if c.rooms[room] {
			continue
		}
		c.rooms[room] = true
		h.members[room]++
		if h.members[room] > 1 {
			continue
		}
		if h.occupancy != nil {
			h.occupancy.Occupied(room)
		}
		h.stays[room] = append(h.stays[room], stay{h.server.now(), -1})
	}
}

func (h *host) leave(c *client, rooms ...string) {
	for _, room := range rooms {
		if !c.rooms[room] {
			continue
		}
		delete(c.rooms, room)
		if h.members[room]--; h.members[room] > 0 {
			continue
		}
		delete(h.members, room)
		h.stays[room][len(h.stays[room])-1].until = h.server.now()
		if h.occupancy != nil {
			h.occupancy.Vacated(room)
		}
	}
}

// move makes the client that joins and leaves rooms join a room, or leave it.
func (h *host) move(join bool, room string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if join {
		h.join(h.clients[1], room)
	} else {
		h.leave(h.clients[1], room)
	}
}

// announced is longer than it takes until a join is on its way to the other servers. A
// room that is empty again before that was possibly never announced.
const announced = 100 * time.Millisecond

// hadAt reports whether a room had members at a time, and for long enough.
func (h *host) hadAt(room string, at time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.stays[room], func(s stay) bool {
		return s.since < at && (s.until < 0 || s.until > at+announced)
	})
}

// each calls f for the matching clients.
func (h *host) each(to core.Target, f func(*client)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.clients {
		in := func(room string) bool { return c.rooms[room] }
		if len(to.Rooms) == 0 || slices.ContainsFunc(to.Rooms, in) {
			f(c)
		}
	}
}

// received records a message with a number, and blocks if listeners are to block.
func (h *host) received(event core.Payload) {
	origin, n, ok := coretest.NumberOf(event)
	if !ok {
		h.server.violate("wrong message", "%s received %.80q", h.server.id, event.Text)
		return
	}
	h.server.receive(h.namespace, origin, n)
}

func (h *host) Broadcast(event core.Payload, _ core.Target) { h.received(event) }

func (h *host) BroadcastWithAck(event core.Payload, to core.Target, count func(int), ack func(core.Payload)) {
	h.received(event)
	asked := 0
	h.each(to, func(c *client) {
		asked++
		ack(coretest.Value(c.id))
	})
	count(asked)
}

func (h *host) Sockets(to core.Target, _ bool) (sockets []core.Socket) {
	h.each(to, func(c *client) { sockets = append(sockets, core.Socket{ID: c.id}) })
	return sockets
}

func (h *host) Has(sid string) bool {
	return slices.ContainsFunc(h.clients, func(c *client) bool { return c.id == sid })
}

func (h *host) Join(to core.Target, rooms []string) {
	if number, ok := strings.CutPrefix(rooms[0], numberRoom); ok {
		h.received(core.Payload{Text: []byte(number)})
		return
	}
	h.each(to, func(c *client) { h.join(c, rooms...) })
}

func (h *host) Leave(to core.Target, rooms []string) {
	h.each(to, func(c *client) { h.leave(c, rooms...) })
}

func (h *host) Disconnect(core.Target, bool) {}

func (h *host) ServerSideEmit(event core.Payload, reply func(core.Payload)) {
	h.received(event)
	if reply != nil {
		reply(coretest.Value(h.server.id + "/"))
	}
}
