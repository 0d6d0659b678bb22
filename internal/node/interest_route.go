package node

import (
	"slices"

	"github.com/socketmesh/mesh/core"
)

// route says which peers a message is for.
type route struct {
	ns       *namespace
	joins    []string  // rooms that sockets of the peer will be in
	withheld *withheld // the message, once it is withheld from a peer
	traced   uint64    // its tag, if traces show it

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
	r.ns = ns
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

// admission is what becomes of a message for one peer.
type admission uint8

const (
	toSend     admission = iota // the peer gets it
	toWithhold                  // the peer gets it if it turns out to have members for it
	toLeaveOut                  // the peer does not get it
)

// admit decides whether p is to get the message m. What was withheld from it and has to
// be there before m is sent.
func (r *route) admit(p *peer, m *core.Message, later *deferred) admission {
	if r == nil || !p.wantsInterest {
		return toSend
	}
	if r.everybody { // that joins are for
		p.interest.expect(r.ns.name, r.joins)
		return toSend
	}
	what, before := r.tryAdmit(p, m)
	switch {
	case before != nil:
		p.sendWithheld(r.ns.name, before, nil, later)
	case what == toWithhold && m.RequestID != "":
		p.sendMark(r.ns, true, later)
	}
	return what
}

// tryAdmit is admit, but for the messages that are to be sent before m, which before
// chooses.
func (r *route) tryAdmit(p *peer, m *core.Message) (what admission, before func(*withheldList) []int) {
	in := &p.interest
	in.mu.Lock()
	defer in.mu.Unlock()
	known, rooms := in.byNamespace[r.ns.name], r.rooms()
	switch {
	case known.wants(rooms):
		if r.joins != nil {
			if known := in.of(r.ns.name); known != nil {
				known.expect(r.joins)
			}
		}
		if known != nil && known.withheld.count > 0 && (len(rooms) > 1 || !known.isKnown() || known.isExpecting()) {
			return toSend, dueFor(slices.Clone(rooms)) // a copy, so that routes need no memory
		}
		return toSend, nil
	case !p.marks:
		return toLeaveOut, nil
	case in.gone:
		return toSend, nil
	case known.withheld.full(m, &r.ns.node.withheld):
		return toSend, (*withheldList).all
	}
	if r.withheld == nil {
		r.withheld = newWithheld(m, r.ns, rooms, r.traced)
	}
	l := &known.withheld
	l.add(r.withheld)
	if !l.scheduled && l.marked <= l.covered {
		l.scheduled = true
		r.ns.node.marker.add(p, r.ns)
	}
	return toWithhold, nil
}

// dueFor chooses what is due where these rooms are wanted.
func dueFor(rooms []uint32) func(*withheldList) []int {
	wanted := func(h uint32) bool { return slices.Contains(rooms, h) }
	return func(l *withheldList) []int { return l.due(wanted) }
}
