package core

import (
	"context"
	"time"
)

// Observer is called when something happens in the mesh, for metrics and tests. A nil
// Observer costs nothing. Methods are called on the mesh's own goroutines, concurrently:
// they must return quickly and must not call the mesh. Embed [NopObserver] to implement
// only some of them.
type Observer interface {
	// PeerUp: a peer that had no link has got one, which may resume an earlier session.
	PeerUp(PeerInfo)
	// PeerDown: the last link to a peer has ended. Unless the peer has left, it may come
	// back within the resume window. why wraps one of this package's errors, or the error
	// of the connection.
	PeerDown(p PeerInfo, why error)
	// Sent and Received: a message was sent to, or received from, a peer. bytes is the
	// length of its frame.
	Sent(peer string, kind Kind, bytes int)
	Received(peer string, kind Kind, bytes int)
	// Dropped: a message was not sent to a peer, or a message of a peer was ignored.
	Dropped(peer string, kind Kind, why error)
	// Refused: a connection was refused before it became a link.
	Refused(remote string, why error)
	// Gap: messages between this node and a peer were lost and will not be sent again.
	Gap(Gap)
	// RequestBegun: this server asks other servers. Only ID, Kind and Namespace of
	// RequestInfo are set.
	RequestBegun(RequestInfo)
	// RequestDone: a request has ended for which RequestBegun was called.
	RequestDone(RequestInfo)
}

// RequestTracer is an optional interface of an [Observer] that follows requests from
// server to server, such as that of package ops/meshotel. It is found by assertion. Its
// methods are called like those of an Observer.
type RequestTracer interface {
	// TraceRequest: this server asks other servers, on behalf of ctx. It is called after
	// RequestBegun, and returns a text that is sent with the request, for TraceAnswer on
	// the other servers; "" for none.
	TraceRequest(ctx context.Context, info RequestInfo) (trace string)
	// TraceAnswer: this server begins to answer a request that came with trace. Only ID,
	// Kind and Namespace of RequestInfo are set. done, if not nil, is called once: when
	// everything was answered, or with the reason why not.
	TraceAnswer(trace, from string, info RequestInfo) (done func(error))
}

// NopObserver is an [Observer] that does nothing. Embed it in observers that implement
// only some of the methods; it also has the methods that later versions add.
type NopObserver struct{}

func (NopObserver) PeerUp(PeerInfo)             {}
func (NopObserver) PeerDown(PeerInfo, error)    {}
func (NopObserver) Sent(string, Kind, int)      {}
func (NopObserver) Received(string, Kind, int)  {}
func (NopObserver) Dropped(string, Kind, error) {}
func (NopObserver) Refused(string, error)       {}
func (NopObserver) Gap(Gap)                     {}
func (NopObserver) RequestBegun(RequestInfo)    {}
func (NopObserver) RequestDone(RequestInfo)     {}

var _ Observer = NopObserver{}

// PeerInfo describes a peer that is, or was, linked.
type PeerInfo struct {
	ID        string
	Address   string // as it advertises it
	Remote    string // network address of the link
	Reference bool   // a node of the reference implementation
	Role      Role   // what it may do
	Version   int    // of the protocol that both nodes speak; 0 for reference peers
	Codec     string // in which this node writes to the peer
	Since     time.Time
}

// Gap says which messages between this node and a peer were lost. Both ends report the
// same counts when the peer is linked again; an end that never links again reports
// nothing. A volatile event that is dropped is not counted.
type Gap struct {
	Peer string
	// Outbound is true if the messages were sent to the peer, and false if the peer sent
	// them to this node.
	Outbound bool
	// Lost is the number of messages by kind. Kinds that servers send for their own
	// purposes, such as [KindHeartbeat], are included.
	Lost map[Kind]uint64
}

// Total returns the number of messages of all kinds.
func (g Gap) Total() (total uint64) {
	for _, n := range g.Lost {
		total += n
	}
	return total
}

// RequestInfo describes a request to other servers in one namespace, such as that of
// FetchSockets or EmitWithAck.
type RequestInfo struct {
	ID        string // unique among the requests of this namespace
	Kind      Kind
	Namespace string
	Duration  time.Duration
	Err       error // nil, or the error that the caller got
	Left      int   // number of servers that left before they had answered, which is no error
}
