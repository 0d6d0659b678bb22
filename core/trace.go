package core

// TraceFilter says which messages a trace shows. Fields that are not set do not restrict
// it.
type TraceFilter struct {
	Kinds     []Kind
	Namespace string
	Room      string // a room of the target, or one that sockets join or leave
	Peer      string // id of the server that sends the message, or gets it
}

// Trace records the messages that a node sends and receives, until Close. The node does
// not wait for the reader: what exceeds the limits is counted and left out. All methods
// are safe for concurrent use.
//
// Times are in ns on the node's own clock, see Now. A message from one node to another
// has a position in the session of their links. Both nodes know it, so a message that one
// node has sent can be found in the trace of the other, although nothing is added to the
// message.
type Trace interface {
	// Read returns what was recorded of sent messages since the last call.
	Read() TraceRead
	// Arrivals returns which messages with these positions have arrived at this node, as
	// far as it still remembers.
	Arrivals(of []TracePosition) []TraceArrival
	// Now returns the current time on the node's clock.
	Now() int64
	// Close ends the trace. Idempotent.
	Close()
}

// The limits of what a trace keeps between two reads, and of what it shows of one
// message.
const (
	TraceMessages = 1 << 10
	TraceSends    = 1 << 13 // and as many releases
	TraceRooms    = 8       // names of rooms
	TraceCopies   = 256     // peers
)

// TraceRead is what a trace has recorded. A message and the sends and releases of its
// copies may come in different reads, and in any order.
type TraceRead struct {
	Messages []TracedMessage
	Sends    []TracedSend
	Releases []TracedRelease
	Skipped  uint64 // messages left out because of the rate, since the trace began
	Lost     uint64 // records left out because they were not read in time, since the trace began
}

// TracedMessage is a message that a node has published.
type TracedMessage struct {
	Number     uint64 // unique among the traced messages of the node
	At         int64
	Kind       Kind
	Namespace  string
	Rooms      []string // the first few rooms that it names
	RoomCount  int      // number of all rooms that it names
	Event      string   // name of the event, if it is one
	Request    string   // id of the request that it makes or answers
	Bytes      int      // size of its payload
	Copies     []TracedCopy
	MoreCopies int // number of copies that are not listed
}

// TracedCopy says what has become of a message for one peer.
type TracedCopy struct {
	Peer  string
	State CopyState
}

// CopyState is what has become of a message for one peer.
type CopyState string

// The states.
const (
	CopyQueued   CopyState = "queued"
	CopyWithheld CopyState = "withheld" // with RoutingInterest: until the peer has reported earlier joins; a TracedRelease follows
	CopyLeftOut  CopyState = "left-out" // with RoutingInterest: no socket of the peer is in its rooms
	CopyDropped  CopyState = "dropped"  // the peer is too slow, or the message cannot be encoded for it
)

// TracedSend is a copy that was passed to a link.
type TracedSend struct {
	Number   uint64 // of the message
	Peer     string
	At       int64
	Codec    string
	Bytes    int // length of its frame
	Position TracePosition
}

// TracedRelease says that a copy is not withheld from a peer any more.
type TracedRelease struct {
	Number uint64 // of the message
	Peer   string
	At     int64
	State  CopyState // queued if a socket of the peer had joined one of the rooms, left-out if none had, or dropped
}

// TracePosition is the position of a message in the session of two nodes. It is zero if
// there is no session, as with reference peers.
type TracePosition struct {
	Session  string
	Sequence int // number of the message stream of their link
	Position uint64
}

// TraceArrival is a traced message that has arrived.
type TraceArrival struct {
	TracePosition
	Received int64 // when the message was received
	Handled  int64 // when it had been acted upon; 0 if it was not, or is an answer
}

// HandledNotifier is an optional interface of a [Cluster] that wants to know when its
// [Receiver] has acted upon a message. Adapters find it by assertion.
type HandledNotifier interface {
	// Handled is called at most once for each message that is not an answer. It does not
	// block.
	Handled(m *Message)
}
