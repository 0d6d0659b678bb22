package node

import (
	"slices"

	"github.com/socketmesh/mesh/core"
)

// route decides which peers get a message.
type route struct {
	ns       *namespace
	joins    []string  // rooms that the message makes sockets join
	withheld *withheld // the message, once it is withheld from a peer
	traced   uint64    // its tag, if a trace shows it

	// The hashes of the message's rooms: a peer gets the message if it may have a member
	// in one of them, or if everybody is set. A few hashes fit without an allocation.
	everybody bool
	few       [16]uint32
	count     int      // hashes in few
	many      []uint32 // used instead of few for more hashes
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

// maxRouted is the number of rooms above which a message goes to everybody: looking up
// each room would cost more than it saves.
const maxRouted = 64

// routeOf fills in r for m and returns it, or nil if m is for all peers.
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

// admission says what happens to a message for one peer.
type admission uint8

const (
	toSend     admission = iota // the peer gets it
	toWithhold                  // the peer gets it late, if it turns out to have a member in its rooms
	toLeaveOut                  // the peer does not get it
)

// admit decides whether p gets the message m. Withheld messages that p has to get before
// m are sent first.
func (r *route) admit(p *peer, m *core.Message, later *deferred) admission {
	if r == nil || !p.wantsInterest {
		return toSend
	}
	if r.everybody { // a join for all sockets, or for those in many rooms: see routeOf
		if p.interest.expect(r.ns.name, r.joins) {
			p.sendWithheld(r.ns.name, dueFor(hashesOf(r.joins)), nil, later)
		}
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

// tryAdmit is admit without sending. before, if not nil, chooses the withheld messages
// that have to be sent before m.
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
			// A copy: otherwise every route would be allocated. What was withheld for rooms that the
			// message makes sockets join goes before it, or they would get it behind the join.
			return toSend, dueFor(append(hashesOf(r.joins), rooms...))
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

func hashesOf(rooms []string) []uint32 {
	hashes := make([]uint32, len(rooms))
	for i, room := range rooms {
		hashes[i] = hashOf(room)
	}
	return hashes
}

// dueFor chooses the withheld messages that are due when these rooms are wanted.
func dueFor(rooms []uint32) func(*withheldList) []int {
	wanted := func(h uint32) bool { return slices.Contains(rooms, h) }
	return func(l *withheldList) []int { return l.due(wanted) }
}
