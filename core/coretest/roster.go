package coretest

import (
	"context"
	"slices"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// Roster is a discovery in memory, for the nodes of a test: every running node is in it,
// in the order in which they started, unless the test says otherwise.
type Roster struct {
	mu      sync.Mutex
	running []*registration
	forced  []core.Peer // the roster of Tell, which replaces the running nodes
	lying   bool
}

type registration struct {
	self   core.Peer
	update chan struct{}
}

// NewRoster returns an empty roster.
func NewRoster() *Roster { return &Roster{} }

// Discovery returns a discovery for one node, which reports the roster.
func (r *Roster) Discovery() core.Discovery { return view{r} }

// Tell sets what the roster reports, whichever nodes run, until Truth.
func (r *Roster) Tell(peers ...core.Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lying, r.forced = true, peers
	r.notify()
}

// Truth ends Tell.
func (r *Roster) Truth() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lying = false
	r.notify()
}

func (r *Roster) notify() {
	for _, reg := range r.running {
		select {
		case reg.update <- struct{}{}:
		default:
		}
	}
}

func (r *Roster) peers() []core.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lying {
		return slices.Clone(r.forced)
	}
	peers := make([]core.Peer, len(r.running))
	for i, reg := range r.running {
		peers[i] = reg.self
	}
	return peers
}

func (r *Roster) register(self core.Peer) *registration {
	r.mu.Lock()
	defer r.mu.Unlock()
	reg := &registration{self, make(chan struct{}, 1)}
	r.running = append(r.running, reg)
	r.notify()
	return reg
}

func (r *Roster) unregister(reg *registration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = slices.DeleteFunc(r.running, func(other *registration) bool { return other == reg })
	r.notify()
}

type view struct{ *Roster }

func (v view) Name() string { return "roster" }

func (v view) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	reg := v.register(self)
	defer v.unregister(reg)
	for {
		select {
		case <-reg.update:
			update(v.peers())
		case <-ctx.Done():
			return nil
		}
	}
}
