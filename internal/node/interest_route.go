package node

import (
	"github.com/socketmesh/mesh/core"
)

// route says which peers a message is for.
type route struct {
	namespace string
	joins     []string // rooms that sockets of the peer will be in

	// Hashes of the message's rooms: a peer gets it if it may have members of
	// one, unless it is for everybody. A few need no allocation.
	everybody bool
	few       [16]uint32
	count     int      // of those in few
	many      []uint32 // instead of them
}

func (r *route) add(h uint32) {
	switch {
	case r.many != nil:
		r.many = append(r.many, h)
	case r.count < len(r.few):
		r.few[r.count] = h
		r.count++
	default:
		r.many = append(append(make([]uint32, 0, maxRouted), r.few[:]...), h)
	}
}

func (r *route) rooms() []uint32 {
	if r.many != nil {
		return r.many
	}
	return r.few[:r.count]
}

// maxRouted is the number of rooms beyond which asking for each one is not worth
// it.
const maxRouted = 64

// routeOf makes r the route of m and returns it, or nil if m is for all peers.
func (ns *namespace) routeOf(m *core.Message, r *route) *route {
	if ns.node.cfg.Routing != core.RoutingInterest {
		return nil
	}
	r.namespace = ns.name
	r.everybody = len(m.To.Rooms) == 0 || len(m.To.Rooms) > maxRouted
	switch m.Kind {
	case core.KindSocketsJoin:
		r.joins = m.Rooms
	case core.KindBroadcast, core.KindSocketsLeave, core.KindSocketsLeaveAll, core.KindDisconnectSockets, core.KindFetchSockets:
		if r.everybody {
			return nil
		}
	default:
		return nil
	}
	if !r.everybody {
		for _, room := range m.To.Rooms {
			r.add(hashOf(room))
		}
	}
	return r
}

// includes tells whether p is to get the message.
func (r *route) includes(p *peer) bool {
	if r == nil || !p.wantsInterest {
		return true
	}
	if !r.everybody && !p.interest.wants(r.namespace, r.rooms()) {
		return false
	}
	if r.joins != nil {
		p.interest.expect(r.namespace, r.joins)
	}
	return true
}
