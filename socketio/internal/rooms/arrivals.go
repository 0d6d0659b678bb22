package rooms

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// These ids are in no room and yet belong to this server, so that the mesh need not be
// asked about them:
//
//   - arriving: sockets whose middlewares are still running. The rooms that they join are
//     kept until they are connected. An unknown id is kept here too, because it may be a
//     socket that joined a room before [Rooms.Arrive] was called.
//   - departed: sockets that have left recently. Applications leave rooms in
//     "disconnect" listeners, when the socket has already left all of them.
//
// Both are bounded. Beyond the bounds (tens of thousands of sockets in middlewares,
// thousands that have left recently) the mesh is asked needlessly, and a room joined in a
// middleware may be forgotten.
const (
	maxArriving = 1 << 14
	maxDeparted = 1 << 12
)

// arrival is a socket that is not connected yet.
type arrival struct {
	here  bool // it is known to be a socket of this server
	rooms *types.Set[socket.Room]
}

// Arrive notes that a socket of this server enters its middlewares.
func (r *Rooms) Arrive(id socket.SocketId) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.arriving.Put(id, &arrival{here: true, rooms: types.NewSet[socket.Room]()})
}

// addLater keeps the rooms that a socket joins until it is connected.
func (r *Rooms) addLater(id socket.SocketId, join []socket.Room) (here bool) {
	if _, ok := r.departed.Get(id); ok {
		return true
	}
	a, ok := r.arriving.Get(id)
	if !ok {
		a = &arrival{rooms: types.NewSet[socket.Room]()}
		r.arriving.Put(id, a)
	}
	a.rooms.Add(join...)
	return a.here
}

// depart notes that a socket without rooms has left, if it was one of this server.
func (r *Rooms) depart(id socket.SocketId) (here bool) {
	a, arriving := r.arriving.Get(id)
	r.arriving.Delete(id)
	here = arriving && a.here || r.ours(id)
	if here {
		r.departed.Put(id, struct{}{})
	}
	return here
}

// ours reports whether a socket that is in no room lives here, or has left recently.
func (r *Rooms) ours(id socket.SocketId) bool {
	if _, ok := r.sockets.Load(id); ok {
		return true
	}
	_, ok := r.departed.Get(id)
	return ok
}

// Has reports whether the socket lives here.
func (r *Rooms) Has(id socket.SocketId) bool {
	if r.indexed(id) {
		return true
	}
	_, ok := r.sockets.Load(id)
	return ok
}

// indexed reports whether the socket is in the index.
func (r *Rooms) indexed(id socket.SocketId) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.sockets[id] != nil
}
