package socketio

import "github.com/zishang520/socket.io/servers/socket/v3"

// recent is a map of socket ids that keeps the newest entries, at least limit and
// at most twice as many: when the young half is full, the old half is forgotten.
type recent[V any] struct {
	limit      int
	young, old map[socket.SocketId]V
}

func (r *recent[V]) get(id socket.SocketId) (V, bool) {
	if value, ok := r.young[id]; ok {
		return value, true
	}
	value, ok := r.old[id]
	return value, ok
}

func (r *recent[V]) put(id socket.SocketId, value V) {
	if len(r.young) >= r.limit {
		r.old, r.young = r.young, nil
	}
	if r.young == nil {
		r.young = map[socket.SocketId]V{}
	}
	r.young[id] = value
	delete(r.old, id)
}

func (r *recent[V]) delete(id socket.SocketId) {
	delete(r.young, id)
	delete(r.old, id)
}
