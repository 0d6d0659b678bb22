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

// encodeFailures handles packets for one client that the server's encoder refuses: it logs
// them, and gives the error to acknowledgement callbacks.
type encodeFailures struct {
	namespace func(name string) socket.Namespace // returns nil if it is not open
	logger    *slog.Logger
}

// installParser sets the server's parser to [sioparser.Parser], unless the server has a
// parser of the application's, or an engine already. Packets that its encoder refuses go to
// encodeFailures.
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

// tellCallback calls the acknowledgement callback of an event with the error, on the queue
// of its socket, as an answer would be. If the event has a timeout, the library keeps
// another function, which takes no error: then the callback gets the error of the timeout.
func (f *encodeFailures) tellCallback(p *parser.Packet, e *EncodeError) {
	args, _ := p.Data.([]any)
	if cap(args) == len(args) {
		return
	}
	callback, ok := args[:len(args)+1][len(args)].(socket.Ack) // the library has cut it off the slice
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
