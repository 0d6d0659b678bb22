package core

// Role is what a node may do in the mesh. The token that it proves to have decides which
// roles it may take, and its peers enforce the role.
type Role string

const (
	// RoleServer may do everything.
	RoleServer Role = "server"
	// RoleEmitter may act on clients and send events to servers, but not ask anything: it
	// broadcasts, makes sockets join and leave, and disconnects them. It receives no
	// messages, and is not a member of any namespace.
	RoleEmitter Role = "emitter"
	// RoleObserver may ask servers about their state, and learns which namespaces they
	// have open. It sends no messages, and receives none of the clients'.
	RoleObserver Role = "observer"
)

// Valid reports whether r is one of the three roles.
func (r Role) Valid() bool { return r == RoleServer || r == RoleEmitter || r == RoleObserver }
