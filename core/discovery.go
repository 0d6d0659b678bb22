package core

import (
	"context"
	"time"
)

// Peer is what a node knows of another before it has met it.
type Peer struct {
	// ID is the peer's node id, or "" where only its address is known (a static
	// list, DNS). Such a peer is dialled by everyone who has its address.
	ID string
	// Address is where it accepts links, as it advertises it: "ws://10.0.0.7:4000".
	Address string
}

// Discovery tells a node who its peers are. It may implement [EndpointReporter], too.
type Discovery interface {
	// Name is the discovery's name in configuration: lower-case, constant.
	Name() string

	// Run announces self, where the kind of discovery has announcements, and
	// reports rosters until ctx ends; it then returns nil or ctx's error,
	// having taken the announcement back and ended its goroutines. It outlives
	// outages of whatever it asks, retrying with backoff. An error before ctx
	// ends means that it can never work (bad configuration), and stops the
	// node's start or is logged.
	//
	// update is called with whole rosters, by one goroutine at a time; self may
	// be among the peers; the slice is the callee's. update does not block. A
	// roster is a hint where to dial: that somebody is missing from it means
	// nothing to links that are up.
	Run(ctx context.Context, self Peer, update func([]Peer)) error
}

// EndpointReporter is implemented by a [Discovery] that can tell how what it asks is doing.
type EndpointReporter interface {
	// Endpoints describes each of them, in a constant order, as they are now. It may be
	// called at any time and does not block.
	Endpoints() []DiscoveryEndpoint
}

// DiscoveryEndpoint is something that a [Discovery] asks: a replica of a service, a name in
// DNS, a cluster.
type DiscoveryEndpoint struct {
	Name  string    // its address, without secrets; constant
	Heard bool      // it has answered, and is there as far as is known
	Since time.Time // since when Heard is what it is; zero before Run
	Last  time.Time // when it last told who the servers are; zero if it never has
	Peers int       // how many servers it lists, this one included if it does
	Err   error     // why it is not heard, or what last went wrong; nil for nothing
}
