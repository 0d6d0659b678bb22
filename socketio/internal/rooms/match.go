package rooms

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// Match calls fn once for each connected socket that matches to, under the lock of the
// index: fn must be quick, and must not call Rooms.
func (r *Rooms) Match(to core.Target, fn func(*LocalSocket)) { r.walk(to, false, fn) }

// Matching lists the sockets that match to, for operations other than broadcasts: a socket
// named by its id matches even if it has left the room of that name, or all rooms.
func (r *Rooms) Matching(to core.Target) (found []*socket.Socket) {
	found = make([]*socket.Socket, 0, r.size(to)) // allocated before the lock is taken, because that takes long
	r.walk(to, true, func(s *LocalSocket) { found = append(found, s.Socket) })
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

// size returns an upper bound of the number of sockets that match a target.
func (r *Rooms) size(to core.Target) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.size(to.Rooms)
}

// Describe fills in the ids and rooms of found, in the same order. sockets must be as
// long as found.
func (r *Rooms) Describe(sockets []core.Socket, found []*socket.Socket) {
	names := make([]string, 0, 2*len(found)) // each has its own room, and often another
	noted := 0
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, s := range found {
		sockets[i].ID = string(s.Id())
		start := len(names)
		m := r.index.sockets[s.Id()]
		if m != nil && m.in.len() > atOnce {
			count := m.in.len()
			r.mu.RUnlock()
			sockets[i].Rooms = r.manyNames(s.Id(), count)
			r.mu.RLock()
			continue
		}
		if m != nil {
			names = m.appendRooms(names)
		}
		sockets[i].Rooms = slices.Clip(names[start:])
		if noted += 1 + len(names) - start; noted >= atOnce {
			noted = 0
			r.mu.RUnlock()
			r.unlocked()
			r.mu.RLock()
		}
	}
}

// manyNames returns the names of a socket's rooms, of which there are about count. It
// releases the lock now and then, but keeps operations on this socket waiting.
func (r *Rooms) manyNames(id socket.SocketId, count int) []string {
	names := make([]string, 0, 1+count+atOnce) // allocated before the lock is taken, because that takes long
	s := r.begin(id)
	defer r.end(id)
	if s == nil {
		return nil // it has left meanwhile
	}
	if s.own {
		names = append(names, string(id))
	}
	for i := range s.in.len() {
		if i%atOnce == atOnce-1 {
			r.yield(id)
		}
		names = append(names, string(s.in.at(i).room.name))
	}
	return names
}
