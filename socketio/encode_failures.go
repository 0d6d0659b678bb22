package socketio

import (
	"log/slog"
	"reflect"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/lifecycle"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// encodeFailures handles the packets of a server that cannot be encoded on their way to
// one client: it logs them, and tells the acknowledgement callbacks.
type encodeFailures struct {
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
		encoder.OnRefused((&encodeFailures{namespace, logger}).handle)
	}
	return nil
}

func (f *encodeFailures) handle(p *parser.Packet, err *siovalue.Error) {
	switch p.Type {
	case parser.EVENT:
		e := eventError(p.Data, err)
		logEncodeError(f.logger.With("namespace", p.Nsp), "event not sent", e)
		if p.Id != nil {
			f.tellCallback(p, e)
		}
	case parser.ACK:
		values, _ := p.Data.([]any)
		logEncodeError(f.logger.With("namespace", p.Nsp), "acknowledgement not sent", &EncodeError{Event: lifecycle.Answered(values), Path: err.Place("ack"), Err: err.Err})
	case parser.CONNECT_ERROR:
		logEncodeError(f.logger.With("namespace", p.Nsp), "client refused without the error's data", &EncodeError{Path: err.Place("error"), Err: err.Err})
	default:
		logEncodeError(f.logger.With("namespace", p.Nsp), "packet not sent", &EncodeError{Path: err.Place("data"), Err: err.Err})
	}
}

// tellCallback hands the error to the acknowledgement callback of an event, on the queue of
// its socket as an answer would be. If the event has a timeout, the library keeps a
// function of its own, which takes no error: the callback gets the timeout's.
func (f *encodeFailures) tellCallback(p *parser.Packet, e *EncodeError) {
	args, _ := p.Data.([]any)
	if cap(args) == len(args) {
		return
	}
	callback, ok := args[:len(args)+1][len(args)].(socket.Ack) // the library cuts it off
	nsp := f.namespace(p.Nsp)
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
			s.Enqueue(func() { protect(f.logger, "acknowledgement", func() { callback(nil, e) }) })
		}
		return false
	})
}
