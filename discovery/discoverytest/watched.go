package discoverytest

import (
	"context"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// Watched is a Discovery of a node in a test, which can wait for its rosters.
type Watched struct {
	core.Discovery

	mu       sync.Mutex
	reported chan struct{} // closed, and replaced, when a roster has been reported
}

// Watch returns d, to be given to a node.
func Watch(d core.Discovery) *Watched {
	return &Watched{Discovery: d, reported: make(chan struct{})}
}

// Run runs the Discovery.
func (w *Watched) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	return w.Discovery.Run(ctx, self, func(roster []core.Peer) {
		update(roster)
		w.mu.Lock()
		defer w.mu.Unlock()
		close(w.reported)
		w.reported = make(chan struct{})
	})
}

// Endpoints are those of the Discovery, if it tells.
func (w *Watched) Endpoints() []core.DiscoveryEndpoint {
	if r, ok := w.Discovery.(core.EndpointReporter); ok {
		return r.Endpoints()
	}
	return nil
}

// Until waits until cond is true, which it asks now and whenever the node has been given a
// roster. It returns ctx's error if ctx ends first.
func (w *Watched) Until(ctx context.Context, cond func() bool) error {
	for {
		w.mu.Lock()
		reported := w.reported
		w.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-reported:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
