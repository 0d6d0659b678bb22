package socketio

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// match calls fn for each connected local socket that to means, once, under the
// lock of the rooms: fn does nothing that could take long, or come back here.
func (r *rooms) match(to core.Target, fn func(*occupant)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.index.each(to, fn)
}

// list notes ids and rooms of local sockets in descriptions of them.
func (r *rooms) list(found []*socket.Socket, sockets []core.Socket) {
	names := make([]string, 0, 2*len(found)) // its own room, and another
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, s := range found {
		start := len(names)
		names = r.index.appendRooms(names, s.Id())
		sockets[i].ID = string(s.Id())
		sockets[i].Rooms = slices.Clip(names[start:])
	}
}

// matching lists the sockets that to means, for what is not a broadcast: a socket
// named by its id is meant even if it has left the room of that name.
func (r *rooms) matching(to core.Target) (sockets []*socket.Socket) {
	if len(to.Rooms) == 0 {
		r.match(to, func(m *occupant) { sockets = append(sockets, m.socket) })
		return sockets
	}
	m := matcher{rooms: r, seen: map[socket.SocketId]struct{}{}}
	for _, room := range to.Except {
		if ids, ok := r.byRoom.Load(socket.Room(room)); ok {
			m.except = append(m.except, ids)
		}
	}
	for _, room := range to.Rooms {
		if ids, ok := r.byRoom.Load(socket.Room(room)); ok {
			for _, id := range ids.Keys() {
				m.try(id)
			}
		}
		m.try(socket.SocketId(room))
	}
	return m.found
}

type matcher struct {
	rooms  *rooms
	except []*types.Set[socket.SocketId]
	seen   map[socket.SocketId]struct{}
	found  []*socket.Socket
}

func (m *matcher) try(id socket.SocketId) {
	for _, ids := range m.except {
		if ids.Has(id) {
			return
		}
	}
	if _, ok := m.seen[id]; ok {
		return
	}
	m.seen[id] = struct{}{}
	if s, ok := m.rooms.sockets.Load(id); ok && s.Connected() {
		m.found = append(m.found, s)
	}
}
