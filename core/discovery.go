package core

import (
	"context"
	"time"
)

// Peer is what a node knows of another node before they are linked.
type Peer struct {
	// ID is the peer's node id, or "" if only its address is known (a static list, DNS).
	// Every node that has the address dials such a peer.
	ID string
	// Address is the address at which it accepts links, as it advertises it:
	// "ws://10.0.0.7:4000".
	Address string
}

// Discovery tells a node which other nodes there are. It may implement
// [EndpointReporter], too.
type Discovery interface {
	// Name is the discovery's name in configuration: lower-case, constant.
	Name() string

	// Run announces self, if this kind of discovery has announcements, and reports
	// rosters until ctx ends. Then it withdraws the announcement, ends its goroutines and
	// returns nil or ctx's error. If a service that it asks fails, it retries with
	// backoff. An error before ctx ends means that it can never work (a wrong
	// configuration); it stops the node's start or is logged.
	//
	// update is called with whole rosters, from one goroutine at a time. self may be
	// among the peers. The caller must not use the slice afterwards. update does not
	// block. A roster only says where to dial: links to nodes that are missing from it
	// stay.
	Run(ctx context.Context, self Peer, update func([]Peer)) error
}

// EndpointReporter is an optional interface of a [Discovery]: it reports the state of the
// services that the discovery asks.
type EndpointReporter interface {
	// Endpoints describes each endpoint as it is now, in a constant order. It may be
	// called at any time and does not block.
	Endpoints() []DiscoveryEndpoint
}

// DiscoveryEndpoint is something that a [Discovery] asks: a replica of a service, a name
// in DNS, a cluster.
type DiscoveryEndpoint struct {
	Name  string    // its address, without secrets; constant
	Heard bool      // it has answered, and is available as far as known
	Since time.Time // when Heard last changed; zero before Run
	Last  time.Time // when it last reported the servers; zero if it never has
	Peers int       // number of servers that it lists, including this one if it does
	Err   error     // why it is not available, or what last went wrong; nil for nothing
}
