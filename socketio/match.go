package socketio

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// match calls fn for each connected local socket that to means, once. No lock is
// held meanwhile. Sockets that join or leave during it may be met or not.
func (r *rooms) match(to core.Target, fn func(*socket.Socket)) {
	r.matchAnd(to, fn, false)
}

// matching lists the sockets that to means, for what is not a broadcast: a socket
// named by its id is meant even if it has left the room of that name.
func (r *rooms) matching(to core.Target) (sockets []*socket.Socket) {
	r.matchAnd(to, func(s *socket.Socket) { sockets = append(sockets, s) }, true)
	return sockets
}

func (r *rooms) matchAnd(to core.Target, fn func(*socket.Socket), named bool) {
	m := matcher{rooms: r, fn: fn}
	for _, room := range to.Except {
		if ids, ok := r.byRoom.Load(socket.Room(room)); ok {
			m.except = append(m.except, ids)
		}
	}
	if len(to.Rooms) == 0 {
		r.bySocket.Range(func(id socket.SocketId, _ *types.Set[socket.Room]) bool {
			m.try(id)
			return true
		})
		return
	}
	if len(to.Rooms) > 1 || named {
		m.seen = map[socket.SocketId]struct{}{}
	}
	for _, room := range to.Rooms {
		if ids, ok := r.byRoom.Load(socket.Room(room)); ok {
			for _, id := range ids.Keys() {
				m.try(id)
			}
		}
		if named {
			m.try(socket.SocketId(room))
		}
	}
}

type matcher struct {
	rooms  *rooms
	except []*types.Set[socket.SocketId]
	seen   map[socket.SocketId]struct{} // nil if no id can come twice
	fn     func(*socket.Socket)
}

func (m *matcher) try(id socket.SocketId) {
	for _, ids := range m.except {
		if ids.Has(id) {
			return
		}
	}
	if m.seen != nil {
		if _, ok := m.seen[id]; ok {
			return
		}
		m.seen[id] = struct{}{}
	}
	if s, ok := m.rooms.sockets.Load(id); ok && s.Connected() {
		m.fn(s)
	}
}
