package core

import "time"

// NodeState is a snapshot of where a node can be reached and what is open on it. Whom it
// has links to, and looks for, is in [Stats].
type NodeState struct {
	ID        string
	Listening bool     // it accepts peers
	Listen    string   // the address it listens on, with the real port
	Advertise string   // the address that peers dial
	Codecs    []string // that it reads, the preferred one first

	Discovery  string    // name of its discovery; "" without one
	Discovered time.Time // when the last roster came; zero if none has

	Namespaces []NamespaceState // that are open, in no order
}

// NamespaceState is a namespace that is open on a node.
type NamespaceState struct {
	Name    string
	Members []string // ids of the other nodes that have it, in no order
}

// OpenNamespace is a namespace that is open on this server, to look into and to act
// on.
type OpenNamespace struct {
	Name    string
	Adapter Adapter       // the whole cluster's
	State   StateReporter // of this server; nil if its host does not tell
}

// StateReporter is what a [Host] implements that can tell of its rooms and sockets
// without describing all of them: for those who look into a running server. It holds
// no lock for long: what changes meanwhile may be told, or not.
//
// All methods may be called at once.
type StateReporter interface {
	// Population is how many sockets are here, and how many rooms have members, but
	// for the rooms that sockets have for themselves.
	Population() (sockets, rooms int)

	// EachRoom calls yield for each of these rooms with the number of its members,
	// in no order, until yield returns false. yield must not block, nor call back.
	EachRoom(yield func(room string, members int) bool)

	// EachSocket calls yield for each socket in room, of all sockets if room is "",
	// in no order, until yield returns false. yield must not block, nor call back.
	EachSocket(room string, yield func(id string) bool)

	// SocketState describes a socket that is here, with at most so many of its
	// rooms; nil if it is not.
	SocketState(id string, rooms int) *SocketState
}

// SocketState is a socket of this server.
type SocketState struct {
	ID        string
	Rooms     []string // some of them, in no order; its own room is not among them
	RoomCount int      // of all, but for its own
	Transport string   // "websocket", "polling", …
	Address   string   // the client's, as the server sees it
	Connected time.Time
}
