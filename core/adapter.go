package core

import (
	"context"
	"log/slog"
	"time"
)

// Adapter is one namespace of the whole cluster: every operation acts on the
// sockets of all servers, the local one included. It is what a Socket.IO server
// calls, and what users override: embed it, define the methods you want to
// change, and hand a function to mesh.WrapAdapter.
//
// All methods may be called at once. None of them blocks, except Wait and Left on
// a [Call]; what one goroutine asks for reaches every server in the order of its
// calls. The local server's part is done before a method returns, whatever
// becomes of the others. A server that leaves or dies while it is asked is no
// error: the answers of those who remain are the whole answer.
type Adapter interface {
	// Namespace is the namespace's name, as "/".
	Namespace() string

	// Broadcast sends an event, a JSON array [name, args…], to the clients that
	// match. Flags.Local keeps it on this server.
	Broadcast(event Payload, to Target)

	// BroadcastWithAck does the same and gathers the clients' acknowledgements:
	// ack is called for each one, by any goroutine, one at a time. The call
	// ends with the number of clients that were asked, when all of them have
	// answered, or at the deadline (to.Flags.Timeout, else the request timeout)
	// with an [*IncompleteError]; ack is not called any more then. Clients that
	// have not answered when their server leaves or dies were not asked.
	BroadcastWithAck(ctx context.Context, event Payload, to Target, ack func(Payload)) *Call[int]

	// FetchSockets describes the matching sockets of all servers.
	FetchSockets(ctx context.Context, to Target) *Call[[]Socket]

	// Sockets lists the ids of the sockets in any of rooms, or of all sockets if
	// there are none.
	Sockets(ctx context.Context, rooms []string) *Call[[]string]

	// SocketRooms lists the rooms of a socket, wherever it lives. No such
	// socket: nil without an error.
	SocketRooms(ctx context.Context, sid string) *Call[[]string]

	// AddSockets makes the matching sockets join rooms.
	AddSockets(to Target, rooms []string)

	// DelSockets makes the matching sockets leave rooms.
	DelSockets(to Target, rooms []string)

	// DisconnectSockets disconnects the matching sockets, and closes their
	// connections if closeConn is set.
	DisconnectSockets(to Target, closeConn bool)

	// AddAll makes one socket join rooms; Del makes it leave one, DelAll all of
	// them. They act where the socket lives: here, or through its server.
	AddAll(sid string, rooms []string)
	Del(sid string, room string)
	DelAll(sid string)

	// ServerSideEmit sends an event, a JSON array [name, args…], to all other
	// servers of the namespace.
	ServerSideEmit(event Payload)

	// ServerSideEmitWithAck does the same and gathers one answer per server.
	ServerSideEmitWithAck(ctx context.Context, event Payload) *Call[[]Payload]

	// ServerCount is the number of servers that have this namespace, this one
	// included; Servers are their ids, this one's first.
	ServerCount() int
	Servers() []string

	// Close closes the namespace on this server and ends what is under way with
	// [ErrClosed]. Idempotent.
	Close()
}

// AdapterConfig is what an adapter needs to know of the [Config]. Zero values mean the
// same defaults.
type AdapterConfig struct {
	RequestTimeout time.Duration // for requests without a timeout of their own
	InboxBytes     int           // what one server has sent and waits for its turn
	Logger         *slog.Logger
}
