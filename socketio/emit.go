package socketio

import (
	"errors"
	"log/slog"
	"reflect"
	"strings"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
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
	if err := check(event, args); err != nil {
		return err
	}
	return to.Emit(event, args...)
}

func check(event string, args []any) error {
	data := append([]any{event}, args...)
	if _, ok := data[len(data)-1].(socket.Ack); ok {
		data = data[:len(data)-1]
	}
	buf := texts.Get().(*[]byte)
	defer texts.Put(buf)
	text, _, err := siovalue.Append((*buf)[:0], data, siovalue.Options{Check: true})
	if cap(text) <= maxText {
		*buf = text
	}
	if err != nil {
		return eventError(data, err)
	}
	return nil
}

// refusals says what becomes of the packets of a server that cannot be encoded on
// their way to one client.
type refusals struct {
	namespace func(name string) socket.Namespace // nil if it is not open
	logger    *slog.Logger
}

// installParser gives a server [sioparser.Parser], unless it has a parser of the
// application's, or an engine already. Its encoder reports what it refuses.
func installParser(server *socket.Server, namespace func(name string) socket.Namespace, logger *slog.Logger) error {
	if _, ours := server.Encoder().(*sioparser.Encoder); !ours {
		if err := hostcompat.SetParser(server, sioparser.Parser{}); err != nil {
			return err
		}
	}
	if encoder, ok := server.Encoder().(*sioparser.Encoder); ok {
		encoder.OnRefused((&refusals{namespace, logger}).refused)
	}
	return nil
}

func (r *refusals) refused(p *parser.Packet, err *siovalue.Error) {
	switch p.Type {
	case parser.EVENT:
		e := eventError(p.Data, err)
		logRefusal(r.logger.With("namespace", p.Nsp), "event not sent", e)
		if p.Id != nil {
			r.fail(p, e)
		}
	case parser.ACK:
		logRefusal(r.logger.With("namespace", p.Nsp), "acknowledgement not sent", &EncodeError{Path: err.Place("ack"), Err: err.Err})
	case parser.CONNECT_ERROR:
		logRefusal(r.logger.With("namespace", p.Nsp), "client refused without the error's data", &EncodeError{Path: err.Place("error"), Err: err.Err})
	default:
		logRefusal(r.logger.With("namespace", p.Nsp), "packet not sent", &EncodeError{Path: err.Place("data"), Err: err.Err})
	}
}

// logRefusal logs an [*EncodeError].
func logRefusal(logger *slog.Logger, message string, err error) {
	var e *EncodeError
	if !errors.As(err, &e) {
		e = &EncodeError{Err: err}
	}
	logger.Error(message, "event", e.Event, "at", e.Path, "error", e.Err)
}

// fail hands the error to the acknowledgement callback of an event, on the queue of
// its socket as an answer would be. Where the event has a timeout the library keeps
// another function, which has no use for errors: the callback gets the timeout's.
func (r *refusals) fail(p *parser.Packet, e *EncodeError) {
	args, _ := p.Data.([]any)
	if cap(args) == len(args) {
		return
	}
	callback, ok := args[:len(args)+1][len(args)].(socket.Ack) // the library cuts it off
	nsp := r.namespace(p.Nsp)
	if !ok || nsp == nil {
		return
	}
	nsp.Sockets().Range(func(_ socket.SocketId, s *socket.Socket) bool {
		kept, ok := s.Acks().Load(*p.Id)
		if !ok {
			return true
		}
		if reflect.ValueOf(kept).Pointer() == reflect.ValueOf(callback).Pointer() {
			s.Acks().Delete(*p.Id)
			s.Enqueue(func() { protect(r.logger, "acknowledgement", func() { callback(nil, e) }) })
		}
		return false
	})
}
