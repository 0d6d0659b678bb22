// Package endpoint is for discoveries that ask something for the servers: it keeps what they
// report of it to operators, and makes peers of the addresses they have found.
package endpoint

import (
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Status is the state of one endpoint. Its methods are safe for concurrent use.
type Status struct {
	name string

	mu       sync.Mutex
	endpoint core.DiscoveryEndpoint
}

// Named returns the status of an endpoint that was not asked yet.
func Named(name string) *Status {
	return &Status{name: name, endpoint: core.DiscoveryEndpoint{Name: name}}
}

// Name is the endpoint's name.
func (s *Status) Name() string { return s.name }

// Get returns the endpoint as it is now.
func (s *Status) Get() core.DiscoveryEndpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoint
}

// Begin forgets everything but the name: a Run begins.
func (s *Status) Begin() {
	s.Change(func(e *core.DiscoveryEndpoint, now time.Time) {
		*e = core.DiscoveryEndpoint{Name: s.name, Since: now}
	})
}

// Heard records an answer with so many servers, which also ends an earlier error.
func (s *Status) Heard(servers int) {
	s.Change(func(e *core.DiscoveryEndpoint, now time.Time) {
		SetHeard(e, true, now)
		e.Last, e.Peers, e.Err = now, servers, nil
	})
}

// Failed records that there was no answer. The servers that were found last stay.
func (s *Status) Failed(err error) {
	s.Change(func(e *core.DiscoveryEndpoint, now time.Time) {
		SetHeard(e, false, now)
		e.Err = err
	})
}

// Change changes the endpoint in a way of its user's own. to is called with the lock held.
func (s *Status) Change(to func(e *core.DiscoveryEndpoint, now time.Time)) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	to(&s.endpoint, now)
}

// SetHeard sets whether the endpoint answers, and since when.
func SetHeard(e *core.DiscoveryEndpoint, heard bool, now time.Time) {
	if e.Heard != heard {
		e.Heard, e.Since = heard, now
	}
}

// Others returns peers with all addresses except the node's own.
func Others(addresses []string, own string) []core.Peer {
	peers := make([]core.Peer, 0, len(addresses))
	for _, address := range addresses {
		if address != own {
			peers = append(peers, core.Peer{Address: address})
		}
	}
	return peers
}
