package socketio

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// match calls fn for each connected local socket that to means, once, under the
// lock of the index: fn does nothing that could take long, or come back here.
func (r *rooms) match(to core.Target, fn func(*localSocket)) { r.walk(to, false, fn) }

// matching lists the sockets that to means, for what is not a broadcast: a socket
// named by its id is meant even if it has left the room of that name, or all.
func (r *rooms) matching(to core.Target) (found []*socket.Socket) {
	r.walk(to, true, func(m *localSocket) { found = append(found, m.socket) })
	var seen map[*socket.Socket]struct{}
	for _, name := range to.Rooms {
		if r.indexed(socket.SocketId(name)) {
			continue
		}
		s, ok := r.sockets.Load(socket.SocketId(name))
		if !ok || !s.Connected() {
			continue
		}
		if seen == nil {
			seen = make(map[*socket.Socket]struct{}, len(found))
			for _, s := range found {
				seen[s] = struct{}{}
			}
		}
		if _, again := seen[s]; !again {
			seen[s] = struct{}{}
			found = append(found, s)
		}
	}
	return found
}

func (r *rooms) indexed(id socket.SocketId) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.sockets[id] != nil
}

// list notes ids and rooms of local sockets in descriptions of them.
func (r *rooms) list(found []*socket.Socket, sockets []core.Socket) {
	names := make([]string, 0, 2*len(found)) // its own room, and another
	noted := 0
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, s := range found {
		sockets[i].ID = string(s.Id())
		start := len(names)
		m := r.index.sockets[s.Id()]
		if m != nil && len(m.in) > atOnce {
			sockets[i].Rooms = r.manyNames(m)
			continue
		}
		if m != nil {
			names = m.appendRooms(names)
		}
		sockets[i].Rooms = slices.Clip(names[start:])
		if noted += 1 + len(names) - start; noted >= atOnce {
			noted = 0
			r.mu.RUnlock()
			r.paused()
			r.mu.RLock()
		}
	}
}

// manyNames are the names of a member's rooms. It holds the lock for copying the
// list, and lets it go meanwhile.
func (r *rooms) manyNames(m *localSocket) []string {
	then := localSocket{id: m.id, own: m.own, in: slices.Clone(m.in)}
	r.mu.RUnlock()
	defer r.mu.RLock()
	return then.appendRooms(make([]string, 0, 1+len(then.in)))
}
