package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"
)

var stages atomic.Int64

// stage is a namespace of its own in a cluster, with a client on each server.
// What happens is asked of the origin, which is servers[0] here.
type stage struct {
	*testing.T
	nsp     string
	origin  *server
	servers []*server
	clients []*client // clients[i] is connected to servers[i]

	fences  int    // how many were sent
	settled int    // how many times settle was called
	seen    []int  // by client: how many of its events were looked at
	sending string // what the round is about, for messages
}

// setStage opens a namespace and connects the clients.
func setStage(t *testing.T, c *cluster, origin int) *stage {
	t.Helper()
	s := &stage{T: t, nsp: fmt.Sprintf("/stage-%d", stages.Add(1))}
	s.servers = append(append(s.servers, c.servers[origin:]...), c.servers[:origin]...)
	s.origin = s.servers[0]
	c.open(t, s.nsp)
	for i, server := range s.servers {
		options := args{"auth": args{"user": fmt.Sprintf("é%d", i)}, "query": args{"q": fmt.Sprint(i)}}
		s.clients = append(s.clients, connect(t, server, s.nsp, options))
	}
	s.seen = make([]int, len(s.clients))
	return s
}

// do asks the origin.
func (s *stage) do(op string, members args) any {
	s.Helper()
	return s.origin.do(s.T, op, with(args{"nsp": s.nsp}, members))
}

// gather asks the origin for something that collects answers: {value, error, ms}.
func (s *stage) gather(op string, members args) (value any, failure any) {
	s.Helper()
	result := s.do(op, members).(args)
	return result["value"], result["error"]
}

// emit lets the origin emit to all.
func (s *stage) emit(event ...any) {
	s.Helper()
	s.do("emit", args{"args": event})
}

// fence ends a round: what the origin has sent before has arrived when its next
// event has, for it keeps the order.
func (s *stage) fence() {
	s.Helper()
	s.fences++
	s.emit("fence", s.fences)
	for _, c := range s.clients {
		if !c.has(s.T, "fence", s.fences) {
			s.Fatalf("%s: nothing comes any more after %q", c.name, s.sending)
		}
	}
}

// round returns what each client has got since the last fence, exactly.
func (s *stage) round() []list {
	s.Helper()
	s.fence()
	rounds := make([]list, len(s.clients))
	for i, c := range s.clients {
		got := c.received(s.T, s.seen[i])
		s.seen[i] += len(got)
		rounds[i] = got[:len(got)-1] // without the fence
	}
	return rounds
}

// got checks that exactly those clients have got exactly this event, once, since
// the last fence.
func (s *stage) got(event list, who ...bool) {
	s.Helper()
	if s.sending == "" {
		s.sending = short(asJSON(event))
	}
	defer func() { s.sending = "" }()
	for i, round := range s.round() {
		want := list{}
		if who[i] {
			want = append(want, event)
		}
		same(s.T, s.clients[i].name, round, want)
	}
}

// rooms sets the rooms that most scenarios use: the origin's client is in r1, the
// next one in r1 and r2, the last one in r2.
func (s *stage) rooms() {
	s.Helper()
	s.clients[0].join(s.T, "r1")
	s.clients[1].join(s.T, "r1", "r2")
	s.clients[2].join(s.T, "r2")
	s.settle()
}

// settle lets news of rooms arrive, where messages go only to servers that have
// members of their rooms: they come before what a server says later.
func (s *stage) settle() {
	s.Helper()
	s.settled++
	for i, server := range s.servers {
		server.do(s.T, "emit", args{"nsp": s.nsp, "args": list{"settled", i}})
	}
	for i, c := range s.clients {
		if !c.has(s.T, "settled", s.settled*len(s.servers)) {
			s.Fatalf("%s: what servers say after a join does not come", c.name)
		}
		s.seen[i] += len(c.received(s.T, s.seen[i]))
	}
}
