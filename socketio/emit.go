package socketio

import (
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// Emitter is what emits events: a [*socket.Socket], a [*socket.BroadcastOperator] as
// To returns it, a [*socket.RemoteSocket], a [socket.Namespace]. Of a server it is
// Sockets().
type Emitter interface {
	Emit(event string, args ...any) error
}

var (
	_ Emitter = (*socket.Socket)(nil)
	_ Emitter = (*socket.BroadcastOperator)(nil)
	_ Emitter = (*socket.RemoteSocket)(nil)
	_ Emitter = (socket.Namespace)(nil)
)

// Emit emits an event as to.Emit does, and returns an [*EncodeError] if an argument
// cannot be encoded: then nothing was sent, and an acknowledgement callback is not
// called.
//
//	err := socketio.Emit(io.To("room"), "update", user)
//
// It encodes the arguments to find out, before to.Emit does so; use it where what is
// emitted is not known to be good.
func Emit(to Emitter, event string, args ...any) error {
	data := append([]any{event}, args...)
	if _, ok := data[len(data)-1].(socket.Ack); ok {
		data = data[:len(data)-1]
	}
	if err := siovalue.Check(data); err != nil {
		return eventError(data, err)
	}
	return to.Emit(event, args...)
}
