package socketio

import (
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// rooms says which local socket is in which room.
//
// It writes the library's own maps, which anyone may read at any time, but writes
// them under one lock: in the library a join that races the last leave of a room
// can be lost for ever. Broadcasts read an [index] of the same. It also knows the ids that are not in these maps and yet
// are this server's business, so that the mesh is not asked about them:
//
//   - arriving: sockets whose middlewares are still at work. What they join is
//     kept until they are connected. An id nobody knows is kept here too, in case
//     it is one that slipped in before [rooms.arrive] could be told.
//   - departed: sockets that have left lately. Applications leave rooms in their
//     "disconnect" listeners, when the socket is already out of all of them.
//
// Both are bounded. Beyond the bounds (tens of thousands of sockets held up in
// middlewares, thousands gone since) the mesh is asked in vain, and a room joined
// in a middleware may be forgotten.
type rooms struct {
	byRoom   *types.Map[socket.Room, *types.Set[socket.SocketId]]
	bySocket *types.Map[socket.SocketId, *types.Set[socket.Room]]
	sockets  *types.Map[socket.SocketId, *socket.Socket]
	events   types.EventEmitter

	mu        sync.RWMutex
	index     index          // of the same rooms
	occupancy core.Occupancy // told which rooms have members; may be nil
	arriving  recent[socket.SocketId, *arrival]
	departed  recent[socket.SocketId, struct{}]
}

// arrival is a socket that is not connected yet.
type arrival struct {
	here  bool // it is known to be a socket of this server
	rooms *types.Set[socket.Room]
}

const (
	maxArriving = 1 << 14
	maxDeparted = 1 << 12
)

func newRooms(a socket.Adapter) *rooms {
	return &rooms{
		byRoom:   a.Rooms(),
		bySocket: a.Sids(),
		sockets:  a.Nsp().Sockets(),
		events:   a,
		index:    newIndex(),
		arriving: recent[socket.SocketId, *arrival]{limit: maxArriving},
		departed: recent[socket.SocketId, struct{}]{limit: maxDeparted},
	}
}

// report has o told which rooms have members, from now on.
func (r *rooms) report(o core.Occupancy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.occupancy = o
	for _, room := range r.byRoom.Keys() {
		o.Occupied(string(room))
	}
}

// has tells whether the socket lives here.
func (r *rooms) has(id socket.SocketId) bool {
	if _, ok := r.bySocket.Load(id); ok {
		return true
	}
	_, ok := r.sockets.Load(id)
	return ok
}

// arrive notes that a socket of this server is on its way in.
func (r *rooms) arrive(id socket.SocketId) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arriving.put(id, &arrival{here: true, rooms: types.NewSet[socket.Room]()})
}

// add makes a socket join rooms. It reports false if the socket may live
// elsewhere.
func (r *rooms) add(id socket.SocketId, join []socket.Room) bool {
	r.mu.Lock()
	joined, ok := r.bySocket.Load(id)
	if !ok {
		s, connected := r.sockets.Load(id)
		if !connected {
			defer r.mu.Unlock()
			return r.addLater(id, join)
		}
		r.index.add(s)
		joined = types.NewSet[socket.Room]()
		r.bySocket.Store(id, joined)
		if a, ok := r.arriving.get(id); ok {
			join = append(join, a.rooms.Keys()...)
			r.arriving.delete(id)
		}
	}
	var changes []change
	for _, room := range join {
		changes = r.enter(id, joined, room, changes)
	}
	r.mu.Unlock()
	r.announce(changes)
	return true
}

// addLater keeps what a socket joins until it is connected.
func (r *rooms) addLater(id socket.SocketId, join []socket.Room) bool {
	if _, ok := r.departed.get(id); ok {
		return true
	}
	a, ok := r.arriving.get(id)
	if !ok {
		a = &arrival{rooms: types.NewSet[socket.Room]()}
		r.arriving.put(id, a)
	}
	a.rooms.Add(join...)
	return a.here
}

// remove makes a socket leave a room. It reports false if the socket may live
// elsewhere.
func (r *rooms) remove(id socket.SocketId, room socket.Room) bool {
	r.mu.Lock()
	joined, ok := r.bySocket.Load(id)
	if !ok {
		defer r.mu.Unlock()
		if a, ok := r.arriving.get(id); ok {
			a.rooms.Delete(room)
			return a.here
		}
		return r.ours(id)
	}
	joined.Delete(room)
	changes := r.leave(id, room, nil)
	r.mu.Unlock()
	r.announce(changes)
	return true
}

// removeAll makes a socket leave all its rooms. It reports false if the socket may
// live elsewhere.
func (r *rooms) removeAll(id socket.SocketId) bool {
	r.mu.Lock()
	joined, ok := r.bySocket.LoadAndDelete(id)
	if !ok {
		defer r.mu.Unlock()
		return r.depart(id)
	}
	var changes []change
	for _, room := range joined.Keys() {
		changes = r.leave(id, room, changes)
	}
	r.index.remove(id)
	r.departed.put(id, struct{}{})
	r.mu.Unlock()
	r.announce(changes)
	return true
}

// depart notes that a socket without rooms has gone, if it was this server's.
func (r *rooms) depart(id socket.SocketId) bool {
	a, arriving := r.arriving.get(id)
	r.arriving.delete(id)
	here := arriving && a.here || r.ours(id)
	if here {
		r.departed.put(id, struct{}{})
	}
	return here
}

// ours tells whether a socket that is in no room lives here, or has lately.
func (r *rooms) ours(id socket.SocketId) bool {
	if _, ok := r.sockets.Load(id); ok {
		return true
	}
	_, ok := r.departed.get(id)
	return ok
}

// of returns the rooms of a socket, and whether this server has the say: if not,
// the socket may live elsewhere.
func (r *rooms) of(id socket.SocketId) (*types.Set[socket.Room], bool) {
	if joined, ok := r.bySocket.Load(id); ok {
		return joined, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.arriving.get(id); ok && a.here {
		return a.rooms, true
	}
	return nil, r.ours(id)
}

func (r *rooms) enter(id socket.SocketId, joined *types.Set[socket.Room], room socket.Room, changes []change) []change {
	joined.Add(room)
	ids, ok := r.byRoom.Load(room)
	switch {
	case !ok:
		r.byRoom.Store(room, types.NewSet(id))
		r.index.enter(id, room)
		if r.occupancy != nil {
			r.occupancy.Occupied(string(room))
		}
		return append(changes, change{"create-room", room, ""}, change{"join-room", room, id})
	case !ids.Has(id):
		ids.Add(id)
		r.index.enter(id, room)
		return append(changes, change{"join-room", room, id})
	}
	return changes
}

func (r *rooms) leave(id socket.SocketId, room socket.Room, changes []change) []change {
	ids, ok := r.byRoom.Load(room)
	if !ok || !ids.Has(id) {
		return changes
	}
	ids.Delete(id)
	r.index.leave(id, room)
	changes = append(changes, change{"leave-room", room, id})
	if ids.Len() == 0 {
		r.byRoom.Delete(room)
		if r.occupancy != nil {
			r.occupancy.Vacated(string(room))
		}
		changes = append(changes, change{"delete-room", room, ""})
	}
	return changes
}

// change is an event of the adapter: a room was created or deleted (id is ""), or
// a socket joined or left it.
type change struct {
	event types.EventName
	room  socket.Room
	id    socket.SocketId
}

// announce tells the adapter's listeners, without the lock: they may join and
// leave rooms themselves. Those of two concurrent calls may come in either order.
func (r *rooms) announce(changes []change) {
	for _, c := range changes {
		switch {
		case r.events.ListenerCount(c.event) == 0:
		case c.id == "":
			r.events.Emit(c.event, c.room)
		default:
			r.events.Emit(c.event, c.room, c.id)
		}
	}
}
