package e2e

import (
	"fmt"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

const yes, no = true, false

var emitScenarios = []scenario{
	{name: "emit", run: emitToWhom},
	{name: "emit from a socket", run: emitFromSocket},
	{name: "emit with binary", run: emitBinary},
	{name: "what a client sends is passed on", run: passOn},
	{name: "polling clients", run: pollingClients},
	{name: "dynamic namespaces", run: dynamicNamespaces},
}

func emitToWhom(s *stage) {
	s.rooms()
	for _, c := range []struct {
		name string
		to   args
		who  [3]bool // the origin's client, and the others'
	}{
		{"all", args{}, [3]bool{yes, yes, yes}},
		{"a room", args{"to": list{"r1"}}, [3]bool{yes, yes, no}},
		{"rooms, once to those in several", args{"to": list{"r1", "r2"}}, [3]bool{yes, yes, yes}},
		{"an empty room", args{"to": list{"nowhere"}}, [3]bool{no, no, no}},
		{"except a room", args{"except": list{"r2"}}, [3]bool{yes, no, no}},
		{"except rooms", args{"except": list{"r1", "nowhere"}}, [3]bool{no, no, yes}},
		{"a room except another", args{"to": list{"r1"}, "except": list{"r2"}}, [3]bool{yes, no, no}},
		{"a socket of the origin", args{"to": list{s.clients[0].sid}}, [3]bool{yes, no, no}},
		{"a socket of another server", args{"to": list{s.clients[2].sid}}, [3]bool{no, no, yes}},
		{"except a socket", args{"except": list{s.clients[1].sid}}, [3]bool{yes, no, yes}},
		{"volatile", args{"flags": args{"volatile": true}}, [3]bool{yes, yes, yes}},
		{"compress", args{"flags": args{"compress": true}}, [3]bool{yes, yes, yes}},
		{"no compress", args{"flags": args{"compress": false}}, [3]bool{yes, yes, yes}},
		{"timeout", args{"flags": args{"timeout": 1000}}, [3]bool{yes, yes, yes}},
		{"local", args{"flags": args{"local": true}}, [3]bool{yes, no, no}},
		{"local, to a room", args{"to": list{"r2"}, "flags": args{"local": true}}, [3]bool{no, no, no}},
		{"many flags", args{"to": list{"r2"}, "flags": args{"volatile": true, "compress": true, "timeout": 5}}, [3]bool{no, yes, yes}},
	} {
		event := list{"e", c.name, 1}
		s.sends(with(c.to, args{"args": event}), event, c.who)
	}
	s.do("emit", args{"args": list{"no arguments"}})
	s.got(list{"no arguments"}, yes, yes, yes)
}

func emitFromSocket(s *stage) {
	s.rooms()
	for _, c := range []struct {
		name string
		to   args
		who  [3]bool
	}{
		{"broadcast", args{}, [3]bool{no, yes, yes}},
		{"to a room", args{"to": list{"r1"}}, [3]bool{no, yes, no}},
		{"to rooms", args{"to": list{"r1", "r2"}}, [3]bool{no, yes, yes}},
		{"except a room", args{"except": list{"r1"}}, [3]bool{no, no, yes}},
		{"to a room except another", args{"to": list{"r2"}, "except": list{"r1"}}, [3]bool{no, no, yes}},
		{"volatile", args{"flags": args{"volatile": true}}, [3]bool{no, yes, yes}},
		{"local", args{"flags": args{"local": true}}, [3]bool{no, no, no}},
	} {
		event := list{"e", c.name}
		s.sends(with(c.to, args{"sid": s.clients[0].sid, "args": event}), event, c.who)
	}
}

// sends emits an event and checks who gets it. A volatile one may be lost, for
// the server drops it while it is still busy with what it sent the client before:
// it is sent until all who are meant have got it.
func (s *stage) sends(emit args, event list, who [3]bool) {
	s.Helper()
	flags, _ := emit["flags"].(args)
	if flags["volatile"] != true {
		s.do("emit", emit)
		s.got(event, who[:]...)
		return
	}
	var have [3]bool
	procs.Eventually(s.T, soon, func() error {
		s.do("emit", emit)
		for i, round := range s.round() {
			if len(round) > 0 {
				same(s.T, s.clients[i].name, round, list{event})
				have[i] = true
			}
		}
		if have != who {
			return fmt.Errorf("%v has come to %v, want %v", event, have, who)
		}
		return nil
	})
}

func emitBinary(s *stage) {
	for _, event := range []list{
		{"b", bin(1, 2, 3)},
		{"b", bin()},
		{"b", bin(1), "between", bin(2)},
		{"b", args{"a": list{1, args{"b": bin(0, 255)}, bin(7)}, "c": list{list{list{bin(9)}}}}},
		{"b", bin(make([]byte, 100_000)...)},
	} {
		s.emit(event...)
		s.got(event, yes, yes, yes)
	}
}

func passOn(s *stage) {
	for _, values := range []list{
		{"text", 1, nil},
		{bin(1, 2, 3), args{"deep": list{bin(4), args{"er": bin()}}}},
	} {
		s.clients[0].emit(s.T, append(list{"pub"}, values...)...)
		for _, c := range s.clients {
			c.wait(s.T, "msg", 1)
		}
		s.got(append(list{"msg"}, values...), yes, yes, yes)
		same(s.T, "acknowledgement of the server", s.clients[0].call(s.T, append(list{"echo"}, values...)...), values)
		s.clients = reconnected(s)
	}
}

// reconnected replaces the clients, so that they have got nothing.
func reconnected(s *stage) []*client {
	s.fences = 0
	s.seen = make([]int, len(s.clients))
	var fresh []*client
	for i, old := range s.clients {
		old.do(s.T, "disconnect", nil)
		fresh = append(fresh, connect(s.T, s.servers[i], s.nsp, nil))
	}
	return fresh
}

func pollingClients(s *stage) {
	for i, server := range s.servers {
		s.clients[i].do(s.T, "disconnect", nil)
		s.clients[i] = connect(s.T, server, s.nsp, args{"transports": list{"polling"}})
	}
	event := list{"p", "é", bin(1, 2), args{"x": list{bin(3)}}}
	s.emit(event...)
	s.got(event, yes, yes, yes)
	for _, c := range s.clients {
		c.answer(s.T, "q", c.sid)
	}
	value, failure := s.gather("emitWithAck", args{"args": list{"q"}, "flags": args{"timeout": within}})
	sameSet(s.T, "answers", value, list{s.clients[0].sid, s.clients[1].sid, s.clients[2].sid})
	same(s.T, "error", failure, nil)
}

func dynamicNamespaces(s *stage) {
	s.nsp = fmt.Sprintf("/dynamic-%d", stages.Add(1))
	for i, server := range s.servers {
		s.clients[i] = connect(s.T, server, s.nsp, nil)
		s.clients[i].wait(s.T, "welcome", 1)
		s.seen[i] = 1
	}
	(&cluster{}).know(s.T, s.nsp, s.servers...)
	s.emit("e", 1)
	s.got(list{"e", 1}, yes, yes, yes)
	s.do("emit", args{"parent": dynamic, "args": list{"from the parent"}})
	s.got(list{"from the parent"}, yes, yes, yes)
	value, failure := s.gather("fetchSockets", nil)
	same(s.T, "error", failure, nil)
	sameSet(s.T, "sockets", ids(value), list{s.clients[0].sid, s.clients[1].sid, s.clients[2].sid})
}

// ids of fetched sockets.
func ids(sockets any) any {
	all := list{}
	for _, socket := range sockets.([]any) {
		all = append(all, socket.(args)["id"])
	}
	return all
}
