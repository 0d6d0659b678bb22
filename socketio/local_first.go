package socketio

import (
	"context"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/rooms"
)

// localFirstAdapter is the mesh's adapter of a namespace, but handles operations on a
// single socket of this server itself, without the mesh. All wrappers of [WrapAdapter] are
// around it, so that they see operations on local sockets too.
type localFirstAdapter struct {
	core.Adapter
	rooms *rooms.Rooms
}

func (a localFirstAdapter) AddAll(sid string, rooms []string) {
	if !a.rooms.Add(socket.SocketId(sid), roomsOf(rooms)) {
		a.Adapter.AddAll(sid, rooms)
	}
}

func (a localFirstAdapter) Del(sid string, room string) {
	if !a.rooms.Remove(socket.SocketId(sid), socket.Room(room)) {
		a.Adapter.Del(sid, room)
	}
}

func (a localFirstAdapter) DelAll(sid string) {
	if !a.rooms.RemoveAll(socket.SocketId(sid)) {
		a.Adapter.DelAll(sid)
	}
}

func (a localFirstAdapter) SocketRooms(ctx context.Context, sid string) *core.Call[[]string] {
	joined, here := a.rooms.Of(socket.SocketId(sid))
	switch {
	case !here:
		return a.Adapter.SocketRooms(ctx, sid)
	case joined == nil:
		return core.CallOf[[]string](nil, nil)
	}
	return core.CallOf(roomStrings(joined.Keys()), nil)
}
