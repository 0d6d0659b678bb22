package core

// TraceFilter says which messages a trace is of. What is not set does not matter.
type TraceFilter struct {
	Kinds     []Kind
	Namespace string
	Room      string // that a message names: it is for its sockets, or sockets join or leave it
	Peer      string // id of a server that sends it or that it is for
}

// Trace looks at the messages that pass a node, until Close. Nothing waits for whoever
// reads it: what is too much is counted and left out. All methods may be called at once.
//
// Times are in ns on a clock of the node's own, which Now tells. A message that one node
// sends another has a position in the session of their links. Both know it, so that what
// the one has sent can be found where it arrived, though nothing is added to it.
type Trace interface {
	// Read returns what the node has sent since the last call.
	Read() TraceRead
	// Arrivals are those of these positions that have arrived here, as far as is still
	// known.
	Arrivals(of []TracePosition) []TraceArrival
	// Now is the time.
	Now() int64
	// Close ends it. Idempotent.
	Close()
}

// The bounds of what a trace keeps between two reads, and tells of one message.
const (
	TraceMessages = 1 << 10
	TraceSends    = 1 << 13 // and as many releases
	TraceRooms    = 8       // whose names are told
	TraceCopies   = 256     // peers
)

// TraceRead is what a node has sent. A message and what becomes of its copies may come in
// different reads, and in any order.
type TraceRead struct {
	Messages []TracedMessage
	Sends    []TracedSend
	Releases []TracedRelease
	Skipped  uint64 // messages that were left out because there were more per second than wanted, ever
	Lost     uint64 // messages and what became of them that were left out because nobody read in time, ever
}

// TracedMessage is a message that a node has published.
type TracedMessage struct {
	Number     uint64 // tells it from others of the node
	At         int64
	Kind       Kind
	Namespace  string
	Rooms      []string // the first few that it names
	RoomCount  int      // all of them
	Event      string   // its name, if it is one
	Request    string   // id of the request that it makes or answers
	Bytes      int      // of its payload
	Copies     []TracedCopy
	MoreCopies int // that are not listed
}

// TracedCopy is what becomes of a message for one peer.
type TracedCopy struct {
	Peer  string
	State CopyState
}

// CopyState is what becomes of a message for one peer.
type CopyState string

// The states.
const (
	CopyQueued   CopyState = "queued"
	CopyWithheld CopyState = "withheld" // by interest, until the peer has told who had joined before; a TracedRelease follows
	CopyLeftOut  CopyState = "left-out" // by interest: no socket there is in its rooms
	CopyDropped  CopyState = "dropped"  // the peer is too slow, or the message has no form for it
)

// TracedSend is a copy that was handed to a link.
type TracedSend struct {
	Number   uint64 // of the message
	Peer     string
	At       int64
	Codec    string
	Bytes    int // of its frame
	Position TracePosition
}

// TracedRelease is the end of withholding a copy from a peer, before it is sent.
type TracedRelease struct {
	Number uint64 // of the message
	Peer   string
	At     int64
	State  CopyState // queued if a socket there had joined one of its rooms, left-out if none had, or dropped
}

// TracePosition is where a message is in the session of two nodes. Without a session, as
// with reference peers, it is zero.
type TracePosition struct {
	Session  string
	Sequence int // of several that links have: one for each stream
	Position uint64
}

// TraceArrival is a message that has arrived.
type TraceArrival struct {
	TracePosition
	Received int64 // when it was taken from the link
	Handled  int64 // when it had been acted upon; 0 if it has not been, or is an answer
}

// HandledNotifier is a [Cluster] that is to be told when a message that its [Receiver] got
// has been acted upon. Adapters find it by assertion.
type HandledNotifier interface {
	// Handled is called once at most for each message that is no answer. It does not block.
	Handled(m *Message)
}
