package socketio

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// remote is a socket that was handed out, and what it was made of. To make another
// costs many times what it takes to see that this one still says what is true; so
// all who ask share it. A socket whose data has something in it is not shared,
// since its caller may write there: of that, the handshake alone is remembered.
//
// nil is what was not handed out lately.
type remote struct {
	handshake *socket.Handshake
	text      string               // that the handshake was read from; "" if it was not
	shared    *socket.RemoteSocket // nil if it is its caller's own
	rooms     []socket.Room        // of a local socket that is shared
}

// maxHandshakeKept is up to how many bytes a handshake is kept to compare others with.
const maxHandshakeKept = 1 << 12

// remoteOfLocal is what to remember of a local socket, or nil. Its data is live, so it
// is shared where there is none.
func remoteOfLocal(made *socket.RemoteSocket) *remote {
	if made.Data() != nil {
		return nil
	}
	return &remote{handshake: made.Handshake(), shared: made, rooms: made.Rooms().Keys()}
}

// remoteOf is what to remember of a socket that another server describes, or nil.
func remoteOf(s *core.Socket, made *socket.RemoteSocket) *remote {
	size := len(s.Handshake.Text)
	if size == 0 || size > maxHandshakeKept || len(s.Handshake.Attachments) > 0 {
		return nil
	}
	r := &remote{handshake: made.Handshake(), text: string(s.Handshake.Text)}
	if isNothing(s.Data) {
		r.shared = made
	}
	return r
}

// shows tells whether what is shared is what a local socket is now.
func (r *remote) shows(s *socket.Socket) bool {
	return r != nil && r.shared != nil && r.text == "" && r.handshake == s.Handshake() && s.Data() == nil &&
		are(r.rooms, r.shared.Rooms()) && are(r.rooms, s.Rooms())
}

// says tells whether what is shared is what another server describes.
func (r *remote) says(s *core.Socket) bool {
	return r.has(s.Handshake) && r.shared != nil && isNothing(s.Data) && isUntouched(r.shared.Data()) &&
		are(s.Rooms, r.shared.Rooms())
}

// has tells whether the handshake is known.
func (r *remote) has(handshake core.Payload) bool {
	return r != nil && r.text != "" && r.text == string(handshake.Text) && len(handshake.Attachments) == 0
}

// are tells whether a set holds these rooms and no others.
func are[Room ~string](rooms []Room, set *types.Set[socket.Room]) bool {
	if set.Len() != len(rooms) {
		return false
	}
	for _, room := range rooms {
		if !set.Has(socket.Room(room)) {
			return false
		}
	}
	return true
}

// isNothing tells whether data is what servers say for none.
func isNothing(data core.Payload) bool {
	return string(data.Text) == "{}" && len(data.Attachments) == 0
}

// isUntouched tells whether nobody has written into data that was nothing.
func isUntouched(data any) bool {
	object, ok := data.(map[string]any)
	return ok && len(object) == 0
}
