package socketio

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// Emitter is anything that emits events: a [*socket.Socket], a [*socket.BroadcastOperator]
// as To returns it, a [*socket.RemoteSocket], a [socket.Namespace]. For a server, pass its
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

// Emit emits an event as to.Emit does, and returns an [*EncodeError] if an argument cannot
// be encoded: then nothing was sent, and an acknowledgement callback is not called.
//
//	err := socketio.Emit(io.To("room"), "update", user)
//
// To find out, it encodes the arguments before to.Emit does so again: use it for values
// that may be impossible to encode.
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

// EncodeError says that a value cannot be sent: it contains itself, its MarshalJSON fails
// or panics, or encoding/json does not support its type. Nothing was sent, to no client.
//
// [Emit] and ServerSideEmit return it. The library's own Emit of sockets, operators and
// namespaces cannot return it: there it is logged as an error, and an acknowledgement
// callback of [*socket.Socket].Emit without a timeout gets it.
type EncodeError struct {
	// Event is the event's name, "" if the value belongs to none.
	Event string
	// Path is the place of the value that cannot be encoded; args are the arguments behind
	// the event's name: "args[1].user.name". Other paths begin with ack (the values of an
	// acknowledgement), answer (to a server-side event), data (of a socket), handshake or
	// error (with which a middleware refuses a client).
	Path string
	// Err is the reason.
	Err error
}

func (e *EncodeError) Error() string {
	var b strings.Builder
	if e.Event != "" {
		b.WriteString("event \"" + e.Event + "\": ")
	}
	b.WriteString(e.Path + " cannot be encoded: " + e.Err.Error())
	return b.String()
}

func (e *EncodeError) Unwrap() error { return e.Err }

// encodeEvent encodes the data of an event, [name, args…], as clients get it. An error
// is an [*EncodeError].
func encodeEvent(data any) (core.Payload, error) {
	p, err := siovalue.Encode(data, siovalue.Options{})
	if err != nil {
		return core.Payload{}, eventError(data, err)
	}
	return p, nil
}

// encodeFirst encodes the first of an acknowledgement's values: the mesh carries only one.
// Without values it returns the zero payload. Errors call the list name.
func encodeFirst(name string, values []any) (core.Payload, *EncodeError) {
	if len(values) == 0 {
		return core.Payload{}, nil
	}
	p, err := siovalue.Encode(values[0], siovalue.Options{})
	if err != nil {
		return core.Payload{}, &EncodeError{Path: err.Place(name + "[0]"), Err: err.Err}
	}
	return p, nil
}

// eventError makes the EncodeError for an event of the application.
func eventError(data any, err *siovalue.Error) *EncodeError {
	e := &EncodeError{Path: err.PlaceInEvent(), Err: err.Err}
	if args, _ := data.([]any); len(args) > 0 {
		e.Event, _ = args[0].(string)
	}
	return e
}

// logEncodeError logs an [*EncodeError].
func logEncodeError(logger *slog.Logger, message string, err error) {
	var e *EncodeError
	if !errors.As(err, &e) {
		e = &EncodeError{Err: err}
	}
	logger.Error(message, "event", e.Event, "at", e.Path, "error", e.Err)
}
