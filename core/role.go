package core

// Role is what a node may do in the mesh. It shows by the token that the node has, and is
// enforced by those who receive what it sends.
type Role string

const (
	// RoleServer may do everything.
	RoleServer Role = "server"
	// RoleEmitter may act on clients and send events to servers, and ask nothing: it
	// broadcasts, makes sockets join and leave, and disconnects them. It is sent no
	// messages, and is no member of any namespace.
	RoleEmitter Role = "emitter"
	// RoleObserver may ask servers about their state and hears which namespaces they
	// have. It sends no messages, and gets none of the clients'.
	RoleObserver Role = "observer"
)

// Valid tells whether r is one of the three.
func (r Role) Valid() bool { return r == RoleServer || r == RoleEmitter || r == RoleObserver }
