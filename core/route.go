package core

// PeerRoute is what would become of an event for one peer, were it published now.
type PeerRoute struct {
	PeerStats
	Sent   bool // to the peer; without a link it waits, as long as the peer may resume
	Reason RouteReason
	Bytes  int // of its frame; 0 if it cannot be encoded for the peer
}

// RouteReason is why a peer gets an event for rooms, or does not.
type RouteReason string

// The reasons. But for the last one, the peer gets it.
const (
	RouteAll       RouteReason = "all"       // this node's Routing is [RoutingAll]
	RouteEverybody RouteReason = "everybody" // it is for no rooms, or for too many to ask for each
	RouteSilent    RouteReason = "silent"    // the peer does not tell of its rooms
	RouteUntold    RouteReason = "untold"    // it has not told of all its rooms yet
	RouteStale     RouteReason = "stale"     // it has not told of changes since its link broke
	RouteMember    RouteReason = "member"    // it has told of one of the rooms, or one that looks the same
	RouteJoining   RouteReason = "joining"   // its sockets were asked to join one, and it has not told
	RouteNoMember  RouteReason = "no-member" // it has told of its rooms, and these are not among them: left out
)
