package socketio

import (
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// remote is what is kept of a socket that was handed out lately: what sends to it, and
// its handshake if it is another server's. It does not change, and callers get copies
// of the handshake; nil is that of a socket that was not handed out lately.
type remote struct {
	operator  *socket.BroadcastOperator
	handshake *description // nil for a local socket
	text      string       // that the handshake was read from; "" if it is to be read each time
}

// maxHandshakeKept is up to how many bytes the text of a handshake is kept.
const maxHandshakeKept = 1 << 12

// has tells whether this is what a handshake was read from.
func (r *remote) has(handshake core.Payload) bool {
	return r != nil && r.text != "" && r.text == string(handshake.Text) && len(handshake.Attachments) == 0
}

// sender is what sends to the socket; a new one if there is none.
func (r *remote) sender(adapter socket.Adapter, id socket.SocketId) *socket.BroadcastOperator {
	if r != nil {
		return r.operator
	}
	return operatorFor(adapter, id)
}
