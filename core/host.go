package core

// Host is one namespace of the local Socket.IO server, as the mesh acts on it.
// Its methods have local effects only; the mesh never sees the server behind.
// Users override it as they do [Adapter], with mesh.WrapHost, to change what is
// done on this server, whoever asks for it.
//
// All methods may be called by several goroutines at once. Those that act on
// sockets never block on a client. User code (listeners of "disconnect", of
// server-side events, …) may run inside Disconnect, Join, Leave and
// ServerSideEmit, and may block; the mesh calls them where that hurts nobody but
// the same sender's later messages in the same namespace.
type Host interface {
	// Broadcast hands an event, a JSON array [name, args…], to every matching
	// local socket, in the order of the calls of one goroutine.
	Broadcast(event Payload, to Target)

	// BroadcastWithAck does the same and asks the clients for an
	// acknowledgement. It calls count exactly once, before it returns, with
	// the number of sockets that got the event, and ack once for each client
	// that answers, from any goroutine, perhaps before count: with the first
	// argument of the client's answer, or the zero Payload where there was none.
	// After to.Flags.Timeout it forgets those that did not answer.
	BroadcastWithAck(event Payload, to Target, count func(int), ack func(Payload))

	// Sockets describes the matching local sockets; brief leaves handshake and
	// data out. The result is the caller's.
	Sockets(to Target, brief bool) []Socket

	// Has tells whether the socket with this id lives here.
	Has(sid string) bool

	// Join makes the matching sockets join rooms.
	Join(to Target, rooms []string)

	// Leave makes the matching sockets leave rooms, or every room if rooms is
	// nil. The match is made before anyone leaves.
	Leave(to Target, rooms []string)

	// Disconnect disconnects the matching sockets, and closes their underlying
	// connections if closeConn is set.
	Disconnect(to Target, closeConn bool)

	// ServerSideEmit hands an event from another server, a JSON array
	// [name, args…], to the namespace's listeners. reply is nil where no answer
	// is wanted; else the listeners may call it, from any goroutine; the first
	// call counts.
	ServerSideEmit(event Payload, reply func(Payload))
}

// Occupancy is where a host reports which rooms of a namespace have members on
// this server. All methods may be called at once; those about one room have to
// come in the order of what they report. They do not block on the network.
type Occupancy interface {
	// Occupied: the room has got its first member. What this node sends after
	// the call arrives behind the news.
	Occupied(room string)
	// Vacated: the room has lost its last member.
	Vacated(room string)
}
