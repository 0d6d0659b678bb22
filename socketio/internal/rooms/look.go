package rooms

import (
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// Population counts the sockets, and the rooms but for those that sockets have for
// themselves.
func (r *Rooms) Population() (sockets, rooms int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.index.sockets), len(r.index.rooms)
}

// EachRoom calls fn for each of these rooms, until it returns false. It ranges over a map
// that others change each time that they have their turn: what comes or goes meanwhile
// is met or not, and all else once.
func (r *Rooms) EachRoom(fn func(room string, members int) bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for name, room := range r.index.rooms {
		members := len(room.members)
		if owner := r.index.sockets[socket.SocketId(name)]; owner != nil && owner.own {
			members++ // others have joined a socket's own room
		}
		if !fn(string(name), members) {
			return
		}
		if n++; n%atOnce == 0 {
			r.mu.RUnlock()
			r.unlocked()
			r.mu.RLock()
		}
	}
}

// EachSocket does the same with the ids of sockets in room, or of all sockets if room
// is "".
func (r *Rooms) EachSocket(room string, fn func(id string) bool) {
	if room != "" {
		for _, s := range r.Matching(core.Target{Rooms: []string{room}}) {
			if !fn(string(s.Id())) {
				return
			}
		}
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for id := range r.index.sockets {
		if !fn(string(id)) {
			return
		}
		if n++; n%atOnce == 0 {
			r.mu.RUnlock()
			r.unlocked()
			r.mu.RLock()
		}
	}
}

// Look describes a socket with at most so many of its rooms; nil if it is in none.
func (r *Rooms) Look(id socket.SocketId, most int) *core.SocketState {
	r.mu.RLock()
	defer r.mu.RUnlock()
	m := r.index.sockets[id]
	if m == nil {
		return nil
	}
	s := &core.SocketState{ID: string(id), RoomCount: len(m.in)}
	for i := range min(most, len(m.in)) {
		s.Rooms = append(s.Rooms, string(m.in[i].room.name))
	}
	return s
}
