package core

import "time"

// NodeState is a snapshot of a node's addresses and open namespaces. Its links and the
// peers that it looks for are in [Stats].
type NodeState struct {
	ID        string
	Listening bool     // it accepts peers
	Listen    string   // the address it listens on, with the real port
	Advertise string   // the address that peers dial
	Codecs    []string // the codecs that it reads, the preferred one first

	Discovery  string    // name of its discovery; "" without one
	Discovered time.Time // when discovery last reported a roster; zero if it never has

	Namespaces []NamespaceState // the open namespaces, in no particular order
}

// NamespaceState is a namespace that is open on a node.
type NamespaceState struct {
	Name    string
	Members []string // ids of the other nodes that have it open, in no particular order
}

// OpenNamespace is a namespace that is open on this server, for tools that look into it
// and act on it.
type OpenNamespace struct {
	Name    string
	Adapter Adapter       // acts on the whole cluster
	State   StateReporter // of this server; nil if its host is no StateReporter
}

// StateReporter is an optional interface of a [Host]: it reports rooms and sockets
// without describing all of them, for tools that look into a running server. It holds no
// lock for long, so that changes made meanwhile may be reported or not.
//
// All methods are safe for concurrent use.
type StateReporter interface {
	// Population returns the number of sockets on this server, and the number of rooms
	// with members, without the rooms that sockets have for themselves.
	Population() (sockets, rooms int)

	// EachRoom calls yield for each of these rooms with the number of its members, in no
	// particular order, until yield returns false. yield must not block, nor call the
	// StateReporter.
	EachRoom(yield func(room string, members int) bool)

	// EachSocket calls yield for each socket in room, or for all sockets if room is "",
	// in no particular order, until yield returns false. yield must not block, nor call
	// the StateReporter.
	EachSocket(room string, yield func(id string) bool)

	// SocketState describes a socket on this server, with at most so many of its rooms;
	// nil if there is no such socket.
	SocketState(id string, rooms int) *SocketState
}

// SocketState is a socket of this server.
type SocketState struct {
	ID        string
	Rooms     []string // some of them, in no particular order; without the room of its id
	RoomCount int      // the number of all its rooms, without the room of its id
	Transport string   // "websocket", "polling", …
	Address   string   // the client's, as the server sees it
	Connected time.Time
}
