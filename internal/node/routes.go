package node

import (
	"bytes"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Routes returns, for each peer, whether an event of so many bytes for these rooms would
// be sent to it, and why. It returns nothing for a namespace that is not open here.
func (n *Node) Routes(namespace string, to core.Target, size int) []core.PeerRoute {
	ns := n.namespace(namespace)
	if ns == nil {
		return nil
	}
	m := &core.Message{Kind: core.KindBroadcast, From: n.id, Namespace: namespace, To: to, Payload: sampleEvent(size)}
	var r route
	on := ns.routeOf(m, &r)
	sizes := map[int]int{} // by codec
	var routes []core.PeerRoute
	for _, p := range n.peers.Load().list {
		if !p.takes(m.Kind) {
			continue // an emitter or observer
		}
		if _, known := sizes[p.codec]; !known {
			sizes[p.codec] = n.frameBytes(p.codec, m)
		}
		reason := n.reason(on, p)
		routes = append(routes, core.PeerRoute{PeerStats: p.stats(), Sent: reason != core.RouteNoMember, Reason: reason, Bytes: sizes[p.codec]})
	}
	return routes
}

// frameBytes returns the length of m's frame; 0 if m cannot be encoded.
func (n *Node) frameBytes(codec int, m *core.Message) int {
	f, err := newFrame(n.cfg.Codecs[codec], m, 0)
	if err != nil {
		return 0
	}
	defer f.release()
	return len(f.bytes)
}

// sampleEvent makes an event whose payload has about so many bytes.
func sampleEvent(size int) core.Payload {
	const name, end = `["event","`, `"]`
	text := append([]byte(name), bytes.Repeat([]byte{'x'}, max(0, size-len(name)-len(end)))...)
	return core.Payload{Text: append(text, end...)}
}

// reason returns why the route includes p, or does not.
func (n *Node) reason(r *route, p *peer) core.RouteReason {
	switch {
	case n.cfg.Routing != core.RoutingInterest:
		return core.RouteAll
	case r == nil || r.everybody:
		return core.RouteEverybody
	case !p.wantsInterest:
		return core.RouteSilent
	}
	return p.interest.reason(r.ns.name, r.rooms())
}

// reason explains the result of namespaceInterest.wants.
func (r *remoteInterest) reason(namespace string, rooms []uint32) core.RouteReason {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.byNamespace[namespace]
	switch {
	case known == nil || !known.current:
		return core.RouteUntold
	case known.stale, known.overdue:
		return core.RouteStale
	case slices.ContainsFunc(rooms, known.rooms.has):
		return core.RouteMember
	case known.expects(rooms, time.Now()):
		return core.RouteJoining
	}
	return core.RouteNoMember
}
