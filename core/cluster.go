package core

// Cluster is the view an [Adapter] has of the mesh: one namespace, seen from one
// server. *Node gives one per namespace; another fabric could stand behind it.
//
// All methods may be called at once, and none of them blocks.
type Cluster interface {
	// ID is this server's id.
	ID() string

	// Namespace is the namespace's name.
	Namespace() string

	// Members are the ids of the other servers that have this namespace, in no
	// order. The slice is the caller's.
	Members() []string

	// Publish sends m to every other server, members or not, in the order of
	// the calls of one goroutine. It fills in From and Namespace. m is the
	// callee's afterwards. Whom it cannot reach it counts and leaves out. Where
	// it knows that a server has no socket that m is for, it may leave that out
	// too; if m is a request it returns the ids of those servers, who will not
	// answer.
	Publish(m *Message) (left []string)

	// SendTo sends m to one server, in order with Publish. The error wraps
	// [ErrNoServer] if that server is not in the mesh.
	SendTo(id string, m *Message) error

	// Reference tells whether the server takes [Kind.Reference] kinds only: a
	// node of the reference implementation, or one that is written to in its
	// codec.
	Reference(id string) bool

	// RequestBegun and RequestDone are called when a request begins, before others are
	// asked, and when it has ended. They tell the [Observer] of the node.
	RequestBegun(info RequestInfo)
	RequestDone(info RequestInfo)

	// Leave closes the namespace on this server and says so to the others. The
	// receiver may still be called by those who were about to. Idempotent.
	Leave()
}

// Receiver is the other direction: what a [Cluster] tells the adapter. It is
// given when the namespace is opened.
type Receiver interface {
	// Receive hands over a message of another server. Messages of one server
	// come in order, from one goroutine at a time; those of different servers
	// at once. m is the receiver's, and immutable. Receive does not block. Where
	// enough of that server waits it returns a channel that is closed when that is
	// no longer so: until then the caller hands over no more of that server for this
	// namespace than what is under way; else nil.
	Receive(m *Message) (capacity <-chan struct{})

	// MemberJoined and MemberLeft report servers that open or close this
	// namespace, or are met or lost. One server's reports are in order with its
	// messages: MemberLeft comes behind its last one. They do not block.
	MemberJoined(id string)
	MemberLeft(id string, cause error)
}

// Barrier is what a [Receiver] has, too, that processes messages after Receive has
// returned. It tells when joins and leaves that they ask for are done.
type Barrier interface {
	// After calls f when all messages of a server that were given to Receive before have
	// been processed: at once, or from a goroutine that processes them. f does not block,
	// and is not called if the namespace is closed here before.
	After(id string, f func())
}
