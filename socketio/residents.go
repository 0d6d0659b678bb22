package socketio

import (
	"context"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// residents is the mesh's adapter of a namespace, which is not asked about single
// sockets that live here. It is the innermost: overrides see those too.
type residents struct {
	core.Adapter
	rooms *rooms
}

func (r residents) AddAll(sid string, rooms []string) {
	if !r.rooms.add(socket.SocketId(sid), roomsOf(rooms)) {
		r.Adapter.AddAll(sid, rooms)
	}
}

func (r residents) Del(sid string, room string) {
	if !r.rooms.remove(socket.SocketId(sid), socket.Room(room)) {
		r.Adapter.Del(sid, room)
	}
}

func (r residents) DelAll(sid string) {
	if !r.rooms.removeAll(socket.SocketId(sid)) {
		r.Adapter.DelAll(sid)
	}
}

func (r residents) SocketRooms(ctx context.Context, sid string) *core.Call[[]string] {
	joined, ours := r.rooms.of(socket.SocketId(sid))
	switch {
	case !ours:
		return r.Adapter.SocketRooms(ctx, sid)
	case joined == nil:
		return core.CallOf[[]string](nil, nil)
	}
	return core.CallOf(roomStrings(joined.Keys()), nil)
}
