package coretest

import (
	"maps"
	"slices"

	"github.com/socketmesh/mesh/core"
)

// Client is a socket of a [Host] and its client. All methods are safe for concurrent use.
type Client struct {
	host *Host
	id   string

	// Guarded by the host's lock.
	rooms     map[string]bool
	received  []core.Payload
	answer    func(event core.Payload, ack func(core.Payload))
	connected bool
	closed    bool
}

// ID is the socket's id. The socket is in the room of that name until it leaves it.
func (c *Client) ID() string { return c.id }

// Received returns the texts of the events that the client received, in order.
func (c *Client) Received() []string {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	return Texts(c.received)
}

// Events returns the events that the client received, in order.
func (c *Client) Events() []core.Payload {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	return slices.Clone(c.received)
}

// Rooms returns the rooms of the socket, sorted.
func (c *Client) Rooms() []string {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	return c.sortedRooms()
}

func (c *Client) sortedRooms() []string { return slices.Sorted(maps.Keys(c.rooms)) }

// Connected reports whether the socket was not disconnected; Closed reports whether its
// connection was closed, too.
func (c *Client) Connected() bool {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	return c.connected
}

func (c *Client) Closed() bool {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	return c.closed
}

// Answer sets how the client acknowledges events that ask for it: f may call ack at once,
// or later, from any goroutine. Without it the client does not acknowledge.
func (c *Client) Answer(f func(event core.Payload, ack func(core.Payload))) *Client {
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	c.answer = f
	return c
}

// AnswerWith makes the client acknowledge every event at once with p.
func (c *Client) AnswerWith(p core.Payload) *Client {
	return c.Answer(func(_ core.Payload, ack func(core.Payload)) { ack(p) })
}

// enter puts the client in a room; the host's lock is held.
func (c *Client) enter(room string) {
	if c.rooms[room] {
		return
	}
	c.rooms[room] = true
	c.host.members[room]++
	if c.host.occupancy != nil && c.host.members[room] == 1 {
		c.host.occupancy.Occupied(room)
	}
}

// exit takes the client out of a room; the host's lock is held.
func (c *Client) exit(room string) {
	if !c.rooms[room] {
		return
	}
	delete(c.rooms, room)
	c.host.members[room]--
	if c.host.members[room] > 0 {
		return
	}
	delete(c.host.members, room)
	if c.host.occupancy != nil {
		c.host.occupancy.Vacated(room)
	}
}

func (c *Client) exitAll() {
	for room := range c.rooms {
		c.exit(room)
	}
}

func (c *Client) matches(to core.Target) bool {
	in := func(room string) bool { return c.rooms[room] }
	return (len(to.Rooms) == 0 || slices.ContainsFunc(to.Rooms, in)) && !slices.ContainsFunc(to.Except, in)
}

func (c *Client) describe(brief bool) core.Socket {
	s := core.Socket{ID: c.id, Rooms: c.sortedRooms()}
	if !brief {
		s.Handshake = Value(map[string]any{"address": "127.0.0.1", "auth": map[string]any{"id": c.id}})
		s.Data = Value(map[string]any{"name": c.id})
	}
	return s
}
