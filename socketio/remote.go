package socketio

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// remote is what all who are handed a socket share: what sends to it, its handshake,
// and its rooms as long as they are the same. It does not change; nil is that of a
// socket that was not handed out lately.
type remote struct {
	operator  *socket.BroadcastOperator
	handshake *socket.Handshake
	text      string // that the handshake was read from; "" if it is a local socket's, or is to be read each time
	rooms     *types.Set[socket.Room]
	names     []socket.Room // of the rooms, of a local socket
}

// maxHandshakeKept is up to how many bytes the text of a handshake is kept.
const maxHandshakeKept = 1 << 12

func remoteOfLocal(s *socket.Socket, sender *socket.BroadcastOperator) *remote {
	names := s.Rooms().Keys()
	return &remote{operator: sender, handshake: s.Handshake(), rooms: types.NewSet(names...), names: names}
}

// shows tells whether this is what a local socket is now.
func (r *remote) shows(s *socket.Socket) bool {
	return r != nil && r.handshake == s.Handshake() && r.text == "" && are(r.names, r.rooms) && are(r.names, s.Rooms())
}

// says tells whether this is what another server says of its socket.
func (r *remote) says(s *core.Socket) bool {
	return r.has(s.Handshake) && are(s.Rooms, r.rooms)
}

// has tells whether this is what a handshake was read from.
func (r *remote) has(handshake core.Payload) bool {
	return r != nil && r.text != "" && r.text == string(handshake.Text) && len(handshake.Attachments) == 0
}

// are tells whether these are the rooms in a set: a caller may have written there.
func are[Room ~string](names []Room, rooms *types.Set[socket.Room]) bool {
	if rooms.Len() != len(names) {
		return false
	}
	for _, name := range names {
		if !rooms.Has(socket.Room(name)) {
			return false
		}
	}
	return true
}

// sender is what sends to the socket; a new one if there is none.
func (r *remote) sender(adapter socket.Adapter, id socket.SocketId) *socket.BroadcastOperator {
	if r != nil {
		return r.operator
	}
	return operatorFor(adapter, id)
}
