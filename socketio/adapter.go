package socketio

import (
	"context"
	"log/slog"
	"sync"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/acks"
	"github.com/socketmesh/mesh/socketio/internal/callbacks"
	"github.com/socketmesh/mesh/socketio/internal/fetch"
	"github.com/socketmesh/mesh/socketio/internal/lifecycle"
	"github.com/socketmesh/mesh/socketio/internal/rooms"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// adapter is the adapter that the Socket.IO server calls for one namespace. It embeds the
// library's own adapter, which has the events and everything that does not concern the
// mesh.
type adapter struct {
	socket.Adapter
	core       core.Adapter  // the mesh's adapter, perhaps with wrappers around it
	unwrapped  bool          // core has no wrapper
	others     othersFetcher // the mesh's adapter, if neither it nor the host is wrapped; else nil
	acker      ackCollector  // the mesh's adapter, if it is not wrapped; else nil
	hearsFirst bool          // onConnect is the first listener of "connect"
	host       *host
	rooms      *rooms.Rooms
	fetch      *fetch.Sockets
	logger     *slog.Logger

	ackServerCount acks.ServerCount
	callbacks      callbacks.Queue // of requests

	ctx           context.Context // ends with Close
	cancel        func()
	close         func()
	onServerClose func() // called when the server closes; nil except for the main namespace
}

var _ socket.Adapter = (*adapter)(nil)

// ackCollector is an optional interface of core.Adapter, which package internal/cluster
// implements and describes.
type ackCollector interface {
	CollectAcks(ctx context.Context, event core.Payload, to core.Target, ack func(core.Payload)) *core.Call[int]
}

// othersFetcher is an optional interface of core.Adapter, which package internal/cluster
// implements and describes.
type othersFetcher interface {
	FetchOthers(ctx context.Context, to core.Target) *core.Call[[][]core.Socket]
}

// newAdapter makes the adapter of a namespace; join completes it. closed is called once,
// when the adapter is closed.
func newAdapter(nsp socket.Namespace, cache *fetch.Cache, logger *slog.Logger, closed func(*adapter)) *adapter {
	a := &adapter{Adapter: socket.MakeAdapter(), logger: logger, fetch: fetch.NewSockets(nsp, cache, logger)}
	a.Prototype(a)
	a.Construct(nsp)
	a.rooms = rooms.New(a.Adapter)
	a.host = newHost(nsp, a.rooms, logger)
	ctx, cancel := context.WithCancelCause(context.Background())
	a.ctx, a.cancel = ctx, func() { cancel(core.ErrClosed) }
	a.close = sync.OnceFunc(func() {
		closed(a)
		a.cancel()
		a.core.Close()
		a.host.close()
		a.Adapter.Close()
	})
	a.watch(nsp.Adapter() != nil)
	return a
}

// join connects the adapter to the mesh's. direct says that the mesh calls the adapter's
// own host, without wrappers.
func (a *adapter) join(mesh core.Adapter, direct bool) {
	a.core = mesh
	var innermost localFirstAdapter
	if innermost, a.unwrapped = mesh.(localFirstAdapter); a.unwrapped {
		a.acker, _ = innermost.Adapter.(ackCollector)
	}
	if a.unwrapped && direct {
		a.others, _ = innermost.Adapter.(othersFetcher)
	}
	a.ackServerCount.Count = mesh.ServerCount
}

// Close closes the namespace in the mesh. The library calls it more than once, and for the
// main namespace when the server closes, before it closes the clients' connections. Close
// does not wait for callbacks of requests: it may be called from one of them.
func (a *adapter) Close() {
	if a.onServerClose != nil {
		a.onServerClose()
	}
	a.close()
}

// ServerCount is the number of servers that have the namespace.
func (a *adapter) ServerCount() int64 { return int64(a.ackServerCount.Read()) }

// Rooms and Sids return the library's maps of this server's sockets. A map is filled when
// it is first asked for, and follows the rooms from then on. The caller must not write to
// it.
func (a *adapter) Rooms() *types.Map[socket.Room, *types.Set[socket.SocketId]] {
	return a.rooms.LibraryRooms()
}

func (a *adapter) Sids() *types.Map[socket.SocketId, *types.Set[socket.Room]] {
	return a.rooms.LibrarySids()
}

// Sockets returns the ids of the matching sockets of this server, as the library's
// does; those of all servers come from Sockets of [Of]'s adapter.
func (a *adapter) Sockets(in *types.Set[socket.Room]) *types.Set[socket.SocketId] {
	ids := types.NewSet[socket.SocketId]()
	a.rooms.Match(core.Target{Rooms: roomNames(in)}, func(s *rooms.LocalSocket) { ids.Add(s.ID()) })
	return ids
}

// AddAll makes a socket of any server join rooms. The first room that a socket of this
// server joins is the one of its own id: the library connects sockets this way.
func (a *adapter) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	if rooms.Len() == 1 && rooms.Has(socket.Room(id)) {
		if s, ok := a.Nsp().Sockets().Load(id); ok {
			lifecycle.Connecting(s, a.logger)
		}
	}
	a.core.AddAll(string(id), roomStrings(rooms.Keys()))
}

// Del makes a socket of any server leave a room.
func (a *adapter) Del(id socket.SocketId, room socket.Room) {
	a.core.Del(string(id), string(room))
}

// DelAll makes a socket of any server leave all its rooms.
func (a *adapter) DelAll(id socket.SocketId) {
	if s, ok := a.Nsp().Sockets().Load(id); ok && lifecycle.Telling(s) {
		return // its "disconnecting" listeners may ask for its rooms; it leaves them afterwards
	}
	a.core.DelAll(string(id))
}

// SocketRooms returns the rooms of a socket, nil if there is none with this id. For a
// socket of another server it asks the other servers and blocks for their answer, up to the
// request timeout. A listener of server-side events must not call it: the answer may wait
// behind the event. Prefer SocketRooms of [Of]'s adapter.
func (a *adapter) SocketRooms(id socket.SocketId) *types.Set[socket.Room] {
	joined, ours := a.rooms.Of(id)
	if a.unwrapped && (ours || a.core.ServerCount() <= 1) {
		return joined
	}
	names, err := callOf(a.core.SocketRooms(a.ctx, string(id))).Wait()
	if err != nil {
		a.logger.Warn("rooms of a socket unknown", "socket", id, "error", err)
	}
	if names == nil {
		return nil
	}
	return types.NewSet(roomsOf(names)...)
}

// Broadcast sends an event to the matching sockets of all servers. A packet with an id is
// for one socket that waits for its client's acknowledgement (the library sends such
// packets under connection state recovery): it is sent to local sockets only.
func (a *adapter) Broadcast(packet *parser.Packet, opts *socket.BroadcastOptions) {
	event, err := encodeEvent(packet.Data)
	if err != nil {
		logEncodeError(a.logger, "event not sent", err)
		return
	}
	if packet.Id != nil {
		a.host.emit(event, targetOf(opts), packet.Id)
		return
	}
	a.core.Broadcast(event, targetOf(opts))
}

// BroadcastWithAck sends an event to the matching sockets of all servers, and collects the
// answers of their clients. Its caller is the library's broadcast operator: count and ack
// are called as [acks.Broadcast] describes.
func (a *adapter) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, count func(uint64), ack socket.Ack) {
	to := targetOf(opts)
	b := acks.NewBroadcast(&a.ackServerCount, to.Flags.ExpectSingleResponse, count, ack, a.logger)
	event, err := encodeEvent(packet.Data)
	if err != nil {
		logEncodeError(a.logger, "event not sent", err) // the operator's timeout ends the call
		return
	}
	var call *core.Call[int]
	if a.acker != nil {
		call = a.acker.CollectAcks(a.ctx, event, to, b.Answer)
	} else {
		call = a.core.BroadcastWithAck(a.ctx, event, to, b.Answer)
	}
	whenDone(a, call, func(_ int, err error) { b.End(err) })
}

// FetchSockets returns a function that fetches the matching sockets of all servers, each as
// a [*socket.RemoteSocket]: local ones share their live data, others are a snapshot. The
// callback runs before that function returns if the answer is there already, as without
// peers; otherwise when the answer comes, in order with the callbacks of other requests. A
// server that leaves or dies meanwhile is no error. If a server does not answer in time,
// the callback gets the sockets of the others, and an error with Node's text that wraps a
// [*core.IncompleteError].
func (a *adapter) FetchSockets(opts *socket.BroadcastOptions) func(func([]socket.SocketDetails, error)) {
	return func(callback func([]socket.SocketDetails, error)) {
		to := targetOf(opts)
		if a.others == nil {
			whenDone(a, a.core.FetchSockets(a.ctx, to), func(sockets []core.Socket, err error) {
				callback(a.fetch.Details(a.fetch.Split(sockets)), asNode(err))
			})
			return
		}
		local := a.rooms.Matching(to)
		call := callOf(a.others.FetchOthers(a.ctx, to))
		ours := sync.OnceValue(func() []socket.SocketDetails { return a.fetch.Details(local) })
		if !isDone(call) {
			go protect(a.logger, "callback", func() { ours() }) // while the other servers answer
		}
		whenDone(a, call, func(others [][]core.Socket, err error) {
			callback(append(ours(), a.fetch.Details(nil, others...)...), asNode(err))
		})
	}
}

// AddSockets makes the matching sockets of all servers join rooms.
func (a *adapter) AddSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.core.AddSockets(targetOf(opts), roomStrings(rooms))
}

// DelSockets makes the matching sockets of all servers leave rooms.
func (a *adapter) DelSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.core.DelSockets(targetOf(opts), roomStrings(rooms))
}

// DisconnectSockets disconnects the matching sockets of all servers.
func (a *adapter) DisconnectSockets(opts *socket.BroadcastOptions, closeConn bool) {
	a.core.DisconnectSockets(targetOf(opts), closeConn)
}

// ServerSideEmit sends an event, [name, args…], to the other servers. If the last argument
// is a socket.Ack, it collects one value per server (nil for an empty answer) and calls the
// socket.Ack in the way in which FetchSockets calls its callback.
func (a *adapter) ServerSideEmit(args []any) error {
	if len(args) == 0 {
		return siovalue.ErrNotAnEvent
	}
	ack, withAck := args[len(args)-1].(socket.Ack)
	if withAck {
		args = args[:len(args)-1]
	}
	event, err := encodeEvent(args)
	if err != nil {
		return err
	}
	if !withAck {
		a.core.ServerSideEmit(event)
		return nil
	}
	call := a.core.ServerSideEmitWithAck(a.ctx, event)
	whenDone(a, call, func(answers []core.Payload, err error) {
		ack(a.valuesOf(answers), asNode(err))
	})
	return nil
}

func (a *adapter) valuesOf(answers []core.Payload) []any {
	values := make([]any, len(answers))
	for i, answer := range answers {
		var err error
		if values[i], err = siovalue.Decode(answer, siovalue.AsBuffer); err != nil {
			a.logger.Warn("answer to a server-side event taken for empty", "error", err)
		}
	}
	return values
}
