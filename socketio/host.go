package socketio

import (
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/acks"
	"github.com/socketmesh/mesh/socketio/internal/fetch"
	"github.com/socketmesh/mesh/socketio/internal/lifecycle"
	"github.com/socketmesh/mesh/socketio/internal/rooms"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// host is the core.Host of a namespace: the mesh acts on the local sockets through it.
type host struct {
	nsp     socket.Namespace
	rooms   *rooms.Rooms
	encoder parser.Encoder // the application's own; nil if packets have Socket.IO's format
	acks    acks.LocalRequests
	logger  *slog.Logger
}

var _ core.Host = (*host)(nil)

func newHost(nsp socket.Namespace, rooms *rooms.Rooms, logger *slog.Logger) *host {
	h := &host{nsp: nsp, rooms: rooms, logger: logger}
	if encoder := nsp.Server().Encoder(); !sioparser.Plain(encoder) {
		h.encoder = encoder
	}
	return h
}

func (h *host) Broadcast(event core.Payload, to core.Target) {
	h.emit(event, to, nil)
}

// emit is Broadcast with an optional packet id. The caller has registered the
// acknowledgement of that id.
func (h *host) emit(event core.Payload, to core.Target, id *uint64) {
	d := h.delivery(event, id, to.Flags)
	defer d.end()
	var others []*socket.Socket // delivered without the index's lock, because their listeners may take long
	h.rooms.Match(to, func(m *rooms.LocalSocket) {
		if !d.directly(m.Socket, m.Direct) {
			others = append(others, m.Socket)
		}
	})
	for _, s := range others {
		d.to(s)
	}
}

func (h *host) BroadcastWithAck(event core.Payload, to core.Target, count func(int), ack func(core.Payload)) {
	id := h.nsp.Ids()
	d := h.delivery(event, &id, to.Flags)
	defer d.end()
	request := h.acks.Begin(id, func(args []any) {
		answer, err := encodeFirst("ack", args)
		if err != nil {
			if asked, _ := siovalue.DecodeEvent(event, siovalue.AsBuffer); len(asked) > 0 {
				err.Event, _ = asked[0].(string)
			}
			logEncodeError(h.logger, "acknowledgement not sent", err)
			return
		}
		ack(answer)
	})
	var asked []*socket.Socket
	h.rooms.Match(to, func(m *rooms.LocalSocket) {
		if s := m.Socket; s.Client() == nil || s.Conn().ReadyState() != "closed" { // a closed one is still listed while its handlers run
			asked = append(asked, s)
		}
	})
	for _, s := range asked {
		request.Ask(s)
		if !d.to(s) {
			request.Withdraw(s)
		}
	}
	count(request.Asked())
	request.EndAfter(to.Flags.Timeout)
}

func (h *host) Sockets(to core.Target, brief bool) []core.Socket {
	found := h.rooms.Matching(to)
	sockets := make([]core.Socket, len(found))
	h.rooms.Describe(sockets, found)
	if !brief {
		fetch.Describe(sockets, found, h.logger)
	}
	return sockets
}

func (h *host) Has(sid string) bool { return h.rooms.Has(socket.SocketId(sid)) }

func (h *host) Join(to core.Target, rooms []string) {
	join := roomsOf(rooms)
	for _, s := range h.rooms.Matching(to) {
		s.Join(join...)
	}
}

func (h *host) Leave(to core.Target, rooms []string) {
	leave := roomsOf(rooms)
	for _, s := range h.rooms.Matching(to) {
		if rooms == nil {
			h.nsp.Adapter().DelAll(s.Id())
		}
		for _, room := range leave {
			s.Leave(room)
		}
	}
}

func (h *host) Disconnect(to core.Target, closeConn bool) {
	for _, s := range h.rooms.Matching(to) {
		lifecycle.Disconnect(s, closeConn)
	}
}

// ServerSideEmit calls the namespace's listeners with the event's arguments and, if an
// answer is wanted, a socket.Ack behind them. Names of events that the library emits itself
// are refused, as on the sending side: their listeners expect sockets.
func (h *host) ServerSideEmit(event core.Payload, reply func(core.Payload)) {
	args, err := siovalue.DecodeEvent(event, siovalue.AsBuffer)
	if err != nil {
		h.logger.Warn("server-side event dropped", "error", err)
		return
	}
	name, ok := args[0].(string)
	if !ok || socket.NAMESPACE_RESERVED_EVENTS.Has(name) {
		h.logger.Warn("server-side event dropped: not a name an application may use", "event", args[0])
		return
	}
	if reply != nil {
		args = append(args, h.replyOnce(name, reply))
	}
	h.protect("server-side listener", func() { h.nsp.OnServerSideEmit(args) })
}

// replyOnce returns a socket.Ack that sends the first answer that can be encoded. If there
// is none, the server that asks gets no answer, and reports that after its timeout.
func (h *host) replyOnce(event string, reply func(core.Payload)) socket.Ack {
	var once sync.Once
	return func(args []any, _ error) {
		answer, err := encodeFirst("answer", args)
		if err != nil {
			err.Event = event
			logEncodeError(h.logger, "answer to a server-side event not sent", err)
			return
		}
		once.Do(func() { reply(answer) })
	}
}

// close ends the requests for acknowledgements of local clients.
func (h *host) close() { h.acks.Close() }

// protect runs application code on a goroutine of the mesh. As with the library's own
// listeners, a panic ends the callback and not the process.
func (h *host) protect(what string, fn func()) { protect(h.logger, what, fn) }

func protect(logger *slog.Logger, what string, fn func()) {
	defer func() {
		if r := recover(); r != nil {
			logger.Error(what+" panicked", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	fn()
}
