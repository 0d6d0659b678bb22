package core

// Cluster is an [Adapter]'s view of the mesh: one namespace, seen from one server. A node
// has one for each namespace; something else than a node may implement it, too.
//
// All methods are safe for concurrent use, and none of them blocks.
type Cluster interface {
	// ID is this server's id.
	ID() string

	// Namespace is the namespace's name.
	Namespace() string

	// Members are the ids of the other servers that have this namespace open, in no
	// particular order. The slice is the caller's.
	Members() []string

	// Publish sends m to every other server, members or not, in the order of one
	// goroutine's calls. It sets From and Namespace; the caller must not use m
	// afterwards. A message that cannot be sent to a server is counted as dropped. If the
	// cluster knows that no socket of a server is in the rooms of m, it may leave that
	// server out. If m is a request, Publish returns the ids of such servers: they will
	// not answer.
	Publish(m *Message) (left []string)

	// SendTo sends m to one server, in order with Publish. The error wraps
	// [ErrNoServer] if that server is not in the mesh.
	SendTo(id string, m *Message) error

	// Reference reports whether the server takes only kinds for which [Kind.Reference] is
	// true: it is a reference peer, or a Go node to which this one writes in the
	// reference's codec.
	Reference(id string) bool

	// RequestBegun and RequestDone are called when a request begins, before other servers
	// are asked, and when it has ended. The node passes them to its [Observer].
	RequestBegun(info RequestInfo)
	RequestDone(info RequestInfo)

	// Leave closes the namespace on this server and tells the others. Calls of the
	// receiver that have begun may still go on. Idempotent.
	Leave()
}

// Receiver is the opposite direction: a [Cluster] calls it with messages and changes of
// the members. It is set when the namespace is opened.
type Receiver interface {
	// Receive takes a message of another server. Messages of one server come in order,
	// from one goroutine at a time; messages of different servers may come concurrently.
	// The receiver keeps m, which is immutable. Receive does not block. If too many
	// messages of this server wait to be processed, it returns a channel that is closed
	// when there is capacity again; otherwise nil. Until then the caller passes only
	// messages of this server and namespace that are already on their way.
	Receive(m *Message) (capacity <-chan struct{})

	// MemberJoined and MemberLeft report that another server has opened or closed this
	// namespace, or that its link came up or was lost. The reports for a server are in
	// order with its messages: MemberLeft comes after its last one. They do not block.
	MemberJoined(id string)
	MemberLeft(id string, cause error)
}

// Barrier is an optional interface of a [Receiver] that processes messages after Receive
// has returned. With it, the cluster learns when the joins and leaves that these messages
// ask for have been done.
type Barrier interface {
	// After calls f when all messages of a server that were passed to Receive before have
	// been processed: at once, or on the goroutine that processes them. f does not block.
	// It is not called if the namespace is closed on this server before.
	After(id string, f func())
}
