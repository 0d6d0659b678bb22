package rooms

import (
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// Population returns the number of sockets and of rooms, without the rooms of single
// sockets' own ids.
func (r *Rooms) Population() (sockets, rooms int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.index.sockets), len(r.index.rooms)
}

// EachRoom calls fn for each of these rooms once, until it returns false. Rooms that are
// created or deleted meanwhile may be left out.
func (r *Rooms) EachRoom(fn func(room string, members int) bool) {
	inTurns(r, r.index.rooms, func(name socket.Room, room *room) bool {
		members := room.members.len()
		if owner := r.index.sockets[socket.SocketId(name)]; owner != nil && owner.own {
			members++ // the room of a socket's id, which other sockets have joined
		}
		return fn(string(name), members)
	})
}

// EachSocket calls fn in the same way for the ids of the sockets in room, or of all sockets
// if room is "".
func (r *Rooms) EachSocket(room string, fn func(id string) bool) {
	if room == "" {
		inTurns(r, r.index.sockets, func(id socket.SocketId, _ *LocalSocket) bool { return fn(string(id)) })
		return
	}
	for _, s := range r.Matching(core.Target{Rooms: []string{room}}) {
		if !fn(string(s.Id())) {
			return
		}
	}
}

// inTurns calls fn for each entry of a map of the index, until it returns false. It holds
// the lock while it calls fn, and releases it now and then; the map may change in between.
func inTurns[K comparable, V any](r *Rooms, entries map[K]V, fn func(K, V) bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for key, value := range entries {
		if !fn(key, value) {
			return
		}
		if n++; n%atOnce == 0 {
			r.mu.RUnlock()
			r.unlocked()
			r.mu.RLock()
		}
	}
}

// Look describes a socket with at most most of its rooms; nil if the index does not have
// it.
func (r *Rooms) Look(id socket.SocketId, most int) *core.SocketState {
	r.mu.RLock()
	defer r.mu.RUnlock()
	m := r.index.sockets[id]
	if m == nil {
		return nil
	}
	s := &core.SocketState{ID: string(id), RoomCount: m.in.len()}
	for i := range min(most, m.in.len()) {
		s.Rooms = append(s.Rooms, string(m.in.at(i).room.name))
	}
	return s
}
