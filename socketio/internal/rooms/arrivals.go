package rooms

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Some ids are in no room and yet belong to this server, so that the mesh need not be
// asked about them:
//
//   - arriving: sockets whose middlewares are still at work. What they join is kept
//     until they are connected. An unknown id is kept here too, in case it is one
//     that joined a room before [Rooms.Arrive] was called.
//   - departed: sockets that have left lately. Applications leave rooms in their
//     "disconnect" listeners, when the socket is out of all of them already.
//
// Both are bounded. Beyond the bounds (tens of thousands of sockets held up in
// middlewares, thousands gone since) the mesh is asked in vain, and a room joined in a
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

// Arrive notes that the middlewares of a socket of this server begin.
func (r *Rooms) Arrive(id socket.SocketId) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.arriving.Put(id, &arrival{here: true, rooms: types.NewSet[socket.Room]()})
}

// addLater keeps what a socket joins until it is connected.
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

// depart notes that a socket without rooms has gone, if it was this server's.
func (r *Rooms) depart(id socket.SocketId) (here bool) {
	a, arriving := r.arriving.Get(id)
	r.arriving.Delete(id)
	here = arriving && a.here || r.ours(id)
	if here {
		r.departed.Put(id, struct{}{})
	}
	return here
}

// ours tells whether a socket that is in no room lives here, or has lately.
func (r *Rooms) ours(id socket.SocketId) bool {
	if _, ok := r.sockets.Load(id); ok {
		return true
	}
	_, ok := r.departed.Get(id)
	return ok
}

// Has tells whether the socket lives here.
func (r *Rooms) Has(id socket.SocketId) bool {
	if r.indexed(id) {
		return true
	}
	_, ok := r.sockets.Load(id)
	return ok
}

// indexed tells whether the socket is in the index.
func (r *Rooms) indexed(id socket.SocketId) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.sockets[id] != nil
}
