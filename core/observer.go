package core

import (
	"context"
	"time"
)

// Observer is told what happens in the mesh, for metrics and tests. A nil
// Observer costs nothing. Methods are called on the mesh's own goroutines,
// several at once: they must return quickly and must not call back. Embed
// [NopObserver] to implement some of them.
type Observer interface {
	// PeerUp: a link to a peer is up, where there was none. It may resume an earlier one.
	PeerUp(PeerInfo)
	// PeerDown: the last link to a peer has ended. Unless the peer has left it may come
	// back within the resume window. why wraps one of this package's sentinels, or what broke.
	PeerDown(p PeerInfo, why error)
	// Sent and Received: a message of so many bytes, frame included.
	Sent(peer string, kind Kind, bytes int)
	Received(peer string, kind Kind, bytes int)
	// Dropped: a message did not go to, or was not taken from, a peer.
	Dropped(peer string, kind Kind, why error)
	// Refused: a connection was turned away before it became a link.
	Refused(remote string, why error)
	// Gap: messages between this node and a peer were lost, and will not be sent again.
	Gap(Gap)
	// RequestBegun: this server asks others. Of RequestInfo there are ID, Kind and
	// Namespace.
	RequestBegun(RequestInfo)
	// RequestDone: a request ended that RequestBegun told of.
	RequestDone(RequestInfo)
}

// RequestTracer is an [Observer] that follows requests across servers, such as that of
// package ops/meshotel. It is found by assertion. Methods are called as those of an Observer.
type RequestTracer interface {
	// TraceRequest: this server asks others, on behalf of ctx. It is called behind
	// RequestBegun, and returns what goes with the request, for TraceAnswer of the others;
	// "" for nothing.
	TraceRequest(ctx context.Context, info RequestInfo) (trace string)
	// TraceAnswer: this server begins to answer a request that came with trace. Of
	// RequestInfo there are ID, Kind and Namespace. done, if it is not nil, is called once:
	// when all is answered, or with the reason why not.
	TraceAnswer(trace, from string, info RequestInfo) (done func(error))
}

// NopObserver is an [Observer] that does nothing, to embed in those that watch a few
// things only. Events that later versions add do nothing in them either.
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

// PeerInfo describes a peer that has been met.
type PeerInfo struct {
	ID        string
	Address   string // as it advertises it
	Remote    string // network address of the link
	Reference bool   // a node of the reference implementation
	Role      Role   // what it may do
	Version   int    // of the protocol that both nodes speak; 0 with reference peers
	Codec     string // in which this node writes to it
	Since     time.Time
}

// Gap is what was lost between this node and a peer. Both ends hear of it, when the peer
// is linked again, with the same counts; who does not come back hears nothing. A volatile
// event that is dropped is no gap.
type Gap struct {
	Peer string
	// Outbound tells that the messages were on their way to the peer; else they were on
	// their way here.
	Outbound bool
	// Lost are how many of each kind. Kinds that servers send for themselves, as
	// [KindHeartbeat], are among them.
	Lost map[Kind]uint64
}

// Total is the number of messages, of all kinds.
func (g Gap) Total() (total uint64) {
	for _, n := range g.Lost {
		total += n
	}
	return total
}

// RequestInfo describes a request to other servers: what they are asked for in one
// namespace, as by FetchSockets or EmitWithAck.
type RequestInfo struct {
	ID        string // tells it from others of this namespace
	Kind      Kind
	Namespace string
	Duration  time.Duration
	Err       error // nil, or what the caller got
	Left      int   // servers that left before they had answered, which is no error
}
