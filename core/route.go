package core

// route says which peers a message is for.
type route struct {
	namespace string
	rooms     []uint32 // hashes; a peer gets the message if it may have members of one
	joins     []string // rooms that sockets of the peer will be in
}

// maxRouted is the number of rooms beyond which asking for each one is not worth
// it.
const maxRouted = 64

// routeOf is the route of m, or nil if it is for all peers. buf is room for its
// hashes.
func (ns *namespace) routeOf(m *Message, r *route, buf []uint32) *route {
	if ns.node.cfg.Routing != RoutingInterest || len(m.To.Rooms) == 0 || len(m.To.Rooms) > maxRouted {
		return nil
	}
	switch m.Kind {
	case KindBroadcast, KindSocketsJoin, KindSocketsLeave, KindSocketsLeaveAll, KindDisconnectSockets, KindFetchSockets:
	default:
		return nil
	}
	r.namespace, r.rooms, r.joins = ns.name, buf[:0], nil
	for _, room := range m.To.Rooms {
		r.rooms = append(r.rooms, hashOf(room))
	}
	if m.Kind == KindSocketsJoin {
		r.joins = m.Rooms
	}
	return r
}

// includes tells whether p is to get the message.
func (r *route) includes(p *peer) bool {
	if r == nil || !p.curious {
		return true
	}
	if !p.views.wants(r.namespace, r.rooms) {
		return false
	}
	if r.joins != nil {
		p.views.expect(r.namespace, r.joins)
	}
	return true
}
