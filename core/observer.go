package core

import "time"

// Observer is told what happens in the mesh, for metrics and tests. A nil
// Observer costs nothing. Methods are called on the mesh's own goroutines,
// several at once: they must return quickly and must not call back.
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
	// RequestDone: a request of this server ended.
	RequestDone(RequestInfo)
}

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

// RequestInfo describes a request that has ended.
type RequestInfo struct {
	Kind      Kind
	Namespace string
	Duration  time.Duration
	Err       error // nil, or what the caller got
	Left      int   // servers that left before they had answered, which is no error
}
