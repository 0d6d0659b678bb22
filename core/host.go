package core

// Host is one namespace of the local Socket.IO server, as the mesh acts on it. Its
// methods act on this server only; the mesh does not know the server itself. Users
// override a Host like an [Adapter], with mesh.WrapHost, to change what happens on this
// server, whichever server asked for it.
//
// All methods are safe for concurrent use. Those that act on sockets never block on a
// client. User code (listeners of "disconnect", of server-side events, …) may run inside
// Disconnect, Join, Leave and ServerSideEmit, and may block; the mesh calls these on
// goroutines where that only delays later messages of the same sender in the same
// namespace.
type Host interface {
	// Broadcast hands an event, a JSON array [name, args…], to every matching local
	// socket, in the order of one goroutine's calls.
	Broadcast(event Payload, to Target)

	// BroadcastWithAck does the same and asks the clients for an acknowledgement. It
	// calls count exactly once, before it returns, with the number of sockets that got
	// the event. It calls ack once for each client that answers, on any goroutine,
	// possibly before count: with the first argument of the client's answer, or the zero
	// Payload if there is none. After to.Flags.Timeout it ignores further answers.
	BroadcastWithAck(event Payload, to Target, count func(int), ack func(Payload))

	// Sockets describes the matching local sockets; brief leaves handshake and
	// data out. The result is the caller's.
	Sockets(to Target, brief bool) []Socket

	// Has reports whether the socket with this id is on this server.
	Has(sid string) bool

	// Join makes the matching sockets join rooms.
	Join(to Target, rooms []string)

	// Leave makes the matching sockets leave rooms, or every room if rooms is nil. The
	// sockets are matched before any of them leaves.
	Leave(to Target, rooms []string)

	// Disconnect disconnects the matching sockets, and closes their underlying
	// connections if closeConn is set.
	Disconnect(to Target, closeConn bool)

	// ServerSideEmit hands an event from another server, a JSON array [name, args…], to
	// the namespace's listeners. reply is nil if no answer is wanted. Otherwise the
	// listeners may call it, on any goroutine; the first call counts.
	ServerSideEmit(event Payload, reply func(Payload))
}

// Occupancy is the interface with which a host reports which rooms of a namespace have
// members on this server. All methods are safe for concurrent use; the calls for one room
// have to come in the order of the changes. They do not block on the network.
type Occupancy interface {
	// Occupied: the room has got its first member. Peers learn of it before they get any
	// message that this node sends after the call.
	Occupied(room string)
	// Vacated: the room has lost its last member.
	Vacated(room string)
}
