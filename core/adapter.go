package core

import (
	"context"
	"log/slog"
	"time"
)

// Adapter is one namespace of the whole cluster: every operation acts on the sockets of
// all servers, including this one. A Socket.IO server calls it, and users override it:
// embed it, define the methods you want to change, and pass a function to
// mesh.WrapAdapter.
//
// All methods are safe for concurrent use. None of them blocks, except Wait and Left on a
// [Call]. The calls of one goroutine reach every server in their order. The part on this
// server is done before a method returns, whatever happens on the others. A server that
// leaves or dies before it has answered is no error: the answers of the remaining servers
// are the whole answer.
type Adapter interface {
	// Namespace is the namespace's name, as "/".
	Namespace() string

	// Broadcast sends an event, a JSON array [name, args…], to the clients that
	// match. Flags.Local keeps it on this server.
	Broadcast(event Payload, to Target)

	// BroadcastWithAck does the same and collects the clients' acknowledgements: ack is
	// called for each one, by any goroutine, one call at a time. The call ends with the
	// number of clients that were asked, when all of them have answered, or at the
	// deadline (to.Flags.Timeout, or else the request timeout) with an
	// [*IncompleteError]; after that ack is not called any more. Clients that have not
	// answered when their server leaves or dies count as not asked.
	BroadcastWithAck(ctx context.Context, event Payload, to Target, ack func(Payload)) *Call[int]

	// FetchSockets describes the matching sockets of all servers.
	FetchSockets(ctx context.Context, to Target) *Call[[]Socket]

	// Sockets lists the ids of the sockets in any of rooms, or of all sockets if rooms is
	// empty.
	Sockets(ctx context.Context, rooms []string) *Call[[]string]

	// SocketRooms lists the rooms of a socket on any server. If there is no such socket,
	// the result is nil without an error.
	SocketRooms(ctx context.Context, sid string) *Call[[]string]

	// AddSockets makes the matching sockets join rooms.
	AddSockets(to Target, rooms []string)

	// DelSockets makes the matching sockets leave rooms.
	DelSockets(to Target, rooms []string)

	// DisconnectSockets disconnects the matching sockets, and closes their
	// connections if closeConn is set.
	DisconnectSockets(to Target, closeConn bool)

	// AddAll makes one socket join rooms; Del makes it leave one, DelAll all of them. The
	// socket may be on this server or on another one.
	AddAll(sid string, rooms []string)
	Del(sid string, room string)
	DelAll(sid string)

	// ServerSideEmit sends an event, a JSON array [name, args…], to all other
	// servers of the namespace.
	ServerSideEmit(event Payload)

	// ServerSideEmitWithAck does the same and collects one answer per server.
	ServerSideEmitWithAck(ctx context.Context, event Payload) *Call[[]Payload]

	// ServerCount is the number of servers that have this namespace open, including this
	// one; Servers are their ids, this one's first.
	ServerCount() int
	Servers() []string

	// Close closes the namespace on this server and ends the requests in progress with
	// [ErrClosed]. Idempotent.
	Close()
}

// AdapterConfig is the part of the [Config] that an adapter needs. Zero values mean the
// same defaults.
type AdapterConfig struct {
	RequestTimeout time.Duration // for requests that set no timeout
	InboxBytes     int           // of the messages of one server that wait to be processed
	Logger         *slog.Logger
}
