package coretest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/socketmesh/mesh/core"
)

// fabricView is the [core.Cluster] of one server of a fabric.
type fabricView struct{ s *Server }

var _ core.Cluster = fabricView{}

func (c fabricView) ID() string        { return c.s.id }
func (c fabricView) Namespace() string { return c.s.namespace }

func (c fabricView) Members() []string {
	c.s.fabric.mu.Lock()
	defer c.s.fabric.mu.Unlock()
	return slices.Collect(maps.Keys(c.s.members))
}

func (c fabricView) Publish(m *core.Message) []string {
	m = c.seal(m)
	c.s.fabric.mu.Lock()
	present := c.s.fabric.present()
	c.s.fabric.mu.Unlock()
	for _, other := range present {
		if other != c.s {
			c.s.fabric.send(c.s.id, other.id, m)
		}
	}
	return nil
}

func (c fabricView) SendTo(id string, m *core.Message) error {
	if !c.s.fabric.send(c.s.id, id, c.seal(m)) {
		return fmt.Errorf("%w: %s to %q", core.ErrNoServer, m.Kind, id)
	}
	return nil
}

// seal copies what the caller may still change, as encoding would.
func (c fabricView) seal(m *core.Message) *core.Message {
	sealed := *m
	sealed.From, sealed.Namespace = c.s.id, c.s.namespace
	sealed.To.Rooms, sealed.To.Except = slices.Clone(m.To.Rooms), slices.Clone(m.To.Except)
	sealed.To.Flags.Local = false
	sealed.Rooms = slices.Clone(m.Rooms)
	return &sealed
}

func (c fabricView) Reference(id string) bool {
	c.s.fabric.mu.Lock()
	defer c.s.fabric.mu.Unlock()
	other := c.s.fabric.all[id]
	return other != nil && other.reference
}

func (c fabricView) RequestBegun(core.RequestInfo) {}

func (c fabricView) RequestDone(info core.RequestInfo) {
	c.s.fabric.mu.Lock()
	defer c.s.fabric.mu.Unlock()
	c.s.requests = append(c.s.requests, info)
}

func (c fabricView) Leave() { c.s.fabric.leave(c.s.id, core.ErrPeerLeft, false) }
