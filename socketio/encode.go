package socketio

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// EncodeError says that a value cannot be sent: it contains itself, its MarshalJSON
// fails or panics, or encoding/json has no form for its type. Nothing of it was sent,
// to nobody.
//
// [Emit] and ServerSideEmit return it. The library's own Emit of sockets, operators and
// namespaces has no way to: there it is logged as an error, and an acknowledgement
// callback of [*socket.Socket].Emit without a timeout gets it.
type EncodeError struct {
	// Event is the event's name, "" if the value belongs to none.
	Event string
	// Path is the place of what cannot be encoded, counted from the arguments behind
	// the name: "args[1].user.name". Beside args there are ack (the values of an
	// acknowledgement), answer (to a server-side event), data (of a socket), handshake
	// and error (what a middleware refuses a client with).
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

// encodeFirst encodes the first of the values of an acknowledgement: the mesh carries one.
// No values are the zero payload. Errors, [*EncodeError], call the list name.
func encodeFirst(name string, values []any) (core.Payload, error) {
	if len(values) == 0 {
		return core.Payload{}, nil
	}
	p, err := siovalue.Encode(values[0], siovalue.Options{})
	if err != nil {
		return core.Payload{}, &EncodeError{Path: err.Place(name + "[0]"), Err: err.Err}
	}
	return p, nil
}

// eventError says which of the application's events cannot be encoded.
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
