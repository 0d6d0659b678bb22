package core

// PeerRoute says what would become of an event for one peer if it were published now.
type PeerRoute struct {
	PeerStats
	Sent   bool // whether it would be sent to the peer, or wait for its link as long as it may resume
	Reason RouteReason
	Bytes  int // length of its frame; 0 if it cannot be encoded for the peer
}

// RouteReason is why a peer gets an event for rooms, or does not.
type RouteReason string

// The reasons. With all of them except the last one, the peer gets the event.
const (
	RouteAll       RouteReason = "all"       // this node's Routing is [RoutingAll]
	RouteEverybody RouteReason = "everybody" // the event is for no particular room, or for too many to look up each
	RouteSilent    RouteReason = "silent"    // the peer does not report its rooms
	RouteUntold    RouteReason = "untold"    // the peer has not reported all its rooms yet
	RouteStale     RouteReason = "stale"     // the peer has not reported the changes since its link broke, or answers too late
	RouteMember    RouteReason = "member"    // the peer has reported one of the rooms, or one with the same hash
	RouteJoining   RouteReason = "joining"   // the peer's sockets were asked to join one of the rooms, and it has not reported that yet
	RouteNoMember  RouteReason = "no-member" // the peer has reported its rooms, and none of these is among them: it is left out
)
