package core

import "time"

// Observer is told what happens in the mesh, for metrics and tests. A nil
// Observer costs nothing. Methods are called on the mesh's own goroutines,
// several at once: they must return quickly and must not call back. Embed
// [NopObserver] to implement some of them.
type Observer interface {
	// PeerUp: a link to a peer is up, where there was none.
	PeerUp(PeerInfo)
	// PeerDown: the last link to a peer has ended. why wraps one of this
	// package's sentinels, or what broke.
	PeerDown(p PeerInfo, why error)
	// Sent and Received: a message of so many bytes, frame included.
	Sent(peer string, kind Kind, bytes int)
	Received(peer string, kind Kind, bytes int)
	// Dropped: a message did not go to, or was not taken from, a peer.
	Dropped(peer string, kind Kind, why error)
	// Refused: a connection was turned away before it became a link.
	Refused(remote string, why error)
	// Gap: a peer that came back had sent so many messages that never arrived.
	Gap(peer string, lost uint64)
	// RequestBegun: this server asks others. Of RequestInfo there are ID, Kind and
	// Namespace.
	RequestBegun(RequestInfo)
	// RequestDone: a request ended that RequestBegun told of.
	RequestDone(RequestInfo)
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
func (NopObserver) Gap(string, uint64)          {}
func (NopObserver) RequestBegun(RequestInfo)    {}
func (NopObserver) RequestDone(RequestInfo)     {}

var _ Observer = NopObserver{}

// PeerInfo describes a peer that has been met.
type PeerInfo struct {
	ID        string
	Address   string // as it advertises it
	Remote    string // network address of the link
	Reference bool   // a node of the reference implementation
	Version   int    // of the protocol that both nodes speak; 0 with reference peers
	Codec     string // in which this node writes to it
	Since     time.Time
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
