package e2e

import (
	"fmt"
	"net"
	"strings"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

var socketScenarios = []scenario{
	{name: "fetchSockets", run: fetchSockets},
	{name: "socketsJoin and socketsLeave", run: joinAndLeave},
	{name: "disconnectSockets", run: disconnectSockets},
	{name: "handles", run: handles},
	{name: "sockets", run: socketIDs},
	{name: "socketRooms", run: socketRooms},
	{name: "addAll, del and delAll", run: addAndDelete},
}

func fetchSockets(s *stage) {
	s.rooms()
	data := list{args{"n": 1, "blob": bin(1, 2)}, args{"name": "é"}, nil}
	for i, server := range s.servers[:2] {
		server.do(s.T, "setData", args{"nsp": s.nsp, "sid": s.clients[i].sid, "data": data[i]})
	}
	for _, c := range []struct {
		name string
		to   args
		who  []int
	}{
		{"all", args{}, []int{0, 1, 2}},
		{"room", args{"to": list{"r2"}}, []int{1, 2}},
		{"rooms", args{"to": list{"r1", "r2"}}, []int{0, 1, 2}},
		{"except", args{"except": list{"r1"}}, []int{2}},
		{"one elsewhere", args{"to": list{s.clients[1].sid}}, []int{1}},
		{"none", args{"to": list{"nowhere"}}, nil},
		{"local", args{"flags": args{"local": true}}, []int{0}},
		{"timeout", args{"flags": args{"timeout": within}}, []int{0, 1, 2}},
	} {
		value, failure := s.gather("fetchSockets", c.to)
		same(s.T, c.name+": error", failure, nil)
		want := list{}
		for _, i := range c.who {
			want = append(want, s.clients[i].sid)
		}
		sameSet(s.T, c.name, ids(value), want)
	}
	value, _ := s.gather("fetchSockets", nil)
	rooms := []list{{"r1"}, {"r1", "r2"}, {"r2"}}
	for _, found := range value.([]any) {
		socket := found.(args)
		for i, c := range s.clients {
			if socket["id"] != c.sid {
				continue
			}
			sameSet(s.T, "rooms", socket["rooms"], append(rooms[i], c.sid))
			if i < 2 {
				same(s.T, "data", socket["data"], data[i])
			} else if data := asJSON(socket["data"]); data != "{}" && data != "null" {
				s.Errorf("data of an untouched socket: %s", data)
			}
			checkHandshake(s, i, socket["handshake"].(args))
		}
	}
}

func checkHandshake(s *stage, i int, handshake args) {
	auth, query := handshake["auth"], handshake["query"].(args)
	same(s.T, "auth", auth, args{"user": "é" + string(rune('0'+i))})
	q := query["q"]
	if several, ok := q.([]any); ok && len(several) == 1 { // the library's form of a query
		q = several[0]
	}
	same(s.T, "query", q, string(rune('0'+i)))
	address, _ := handshake["address"].(string)
	if host, _, err := net.SplitHostPort(address); err == nil { // Go's library has the port there
		address = host
	}
	same(s.T, "address", address, "127.0.0.1")
	same(s.T, "secure", handshake["secure"], false)
	if url, _ := handshake["url"].(string); !strings.HasPrefix(url, "/socket.io/?") {
		s.Errorf("url of handshake: %q", url)
	}
	if issued, _ := handshake["issued"].(float64); issued < 1e12 {
		s.Errorf("issued, in ms: %v", handshake["issued"])
	}
	headers, _ := handshake["headers"].(args)
	if !strings.Contains(strings.ToLower(asJSON(headers)), `"upgrade":`) {
		s.Errorf("headers of handshake: %v", headers)
	}
}

func joinAndLeave(s *stage) {
	s.rooms()
	for _, c := range []struct {
		op      string
		request args
		who     [3]bool // in room "x" afterwards
	}{
		{"socketsJoin", args{"rooms": list{"x", "y"}}, [3]bool{yes, yes, yes}},
		{"socketsLeave", args{"rooms": list{"x"}, "to": list{"r2"}}, [3]bool{yes, no, no}},
		{"socketsJoin", args{"rooms": list{"x"}, "to": list{s.clients[2].sid}}, [3]bool{yes, no, yes}},
		{"socketsLeave", args{"rooms": list{"x", "y"}, "except": list{"r2"}}, [3]bool{no, no, yes}},
		{"socketsJoin", args{"rooms": list{"x"}, "to": list{"r1"}, "except": list{"r2"}}, [3]bool{yes, no, yes}},
		{"socketsJoin", args{"rooms": list{"x"}, "flags": args{"local": true}}, [3]bool{yes, no, yes}},
		{"socketsLeave", args{"rooms": list{"x"}, "flags": args{"local": true}}, [3]bool{no, no, yes}},
	} {
		s.do(c.op, c.request)
		event := list{"in x", asJSON(c.request)}
		s.do("emit", args{"to": list{"x"}, "args": event})
		s.got(event, c.who[:]...)
	}
}

func disconnectSockets(s *stage) {
	s.rooms()
	s.do("disconnectSockets", args{"to": list{"r2"}, "except": list{"r1"}, "close": false})
	same(s.T, "reason", s.clients[2].gone(s.T), "io server disconnect")
	s.clients, s.seen = s.clients[:2], s.seen[:2]
	s.emit("still there")
	s.got(list{"still there"}, yes, yes)

	s.do("disconnectSockets", args{"close": true})
	for _, c := range s.clients {
		if reason := c.gone(s.T); reason != "io server disconnect" && reason != "transport close" {
			s.Errorf("reason with close: %v", reason)
		}
	}
	value, failure := s.gather("fetchSockets", nil)
	same(s.T, "sockets", value, list{})
	same(s.T, "error", failure, nil)
}

func handles(s *stage) {
	for i, c := range s.clients {
		who := []bool{i == 0, i == 1, i == 2}
		s.do("remoteEmit", args{"sid": c.sid, "args": list{"h", bin(1)}})
		s.got(list{"h", bin(1)}, who...)
		s.do("remoteJoin", args{"sid": c.sid, "rooms": list{"x"}})
		s.do("emit", args{"to": list{"x"}, "args": list{"joined"}})
		s.got(list{"joined"}, who...)
		s.do("remoteLeave", args{"sid": c.sid, "rooms": list{"x"}})
		s.do("emit", args{"to": list{"x"}, "args": list{"left"}})
		s.got(list{"left"}, no, no, no)
	}
	s.do("remoteDisconnect", args{"sid": s.clients[2].sid, "close": true})
	s.clients[2].gone(s.T)
}

func socketIDs(s *stage) {
	s.rooms()
	a, b, c := s.clients[0].sid, s.clients[1].sid, s.clients[2].sid
	for _, row := range []struct{ rooms, want list }{
		{list{}, list{a, b, c}},
		{list{"r1"}, list{a, b}},
		{list{"r1", "r2"}, list{a, b, c}},
		{list{"nowhere"}, list{}},
	} {
		sameSet(s.T, asJSON(row.rooms), s.do("sockets", args{"rooms": row.rooms}), row.want)
	}
}

func socketRooms(s *stage) {
	s.rooms()
	for i, rooms := range []list{{"r1"}, {"r1", "r2"}, {"r2"}} {
		sid := s.clients[i].sid
		sameSet(s.T, "rooms", s.do("socketRooms", args{"sid": sid}), append(rooms, sid))
	}
	same(s.T, "rooms of nobody", s.do("socketRooms", args{"sid": "nobody"}), nil)
}

func addAndDelete(s *stage) {
	s.settle() // each client has joined the room of its id
	for i := len(s.clients) - 1; i >= 0; i-- {
		sid := s.clients[i].sid
		in := func(what string, is bool) {
			s.Helper()
			who := make([]bool, len(s.clients))
			who[i] = is
			s.do("emit", args{"to": list{"x", "y"}, "args": list{what, i}})
			s.got(list{what, i}, who...)
		}
		s.do("addAll", args{"sid": sid, "rooms": list{"x", "y"}})
		in("added", yes)
		s.do("del", args{"sid": sid, "rooms": list{"y"}})
		in("in one", yes)
		s.do("del", args{"sid": sid, "rooms": list{"x"}})
		in("in none", no)
		s.do("delAll", args{"sid": sid})
		// A server that speaks the reference's protocol is asked for the rooms first.
		procs.Eventually(s.T, askTime, func() error { return s.noRooms(sid) })
		s.clients, s.seen = s.clients[:i], s.seen[:i] // no room, not even its own: nothing reaches it
	}
}

// noRooms is nil if a socket is in no room any more.
func (s *stage) noRooms(sid string) error {
	rooms, _ := s.do("socketRooms", args{"sid": sid}).([]any)
	if len(rooms) > 0 {
		return fmt.Errorf("socket %s is in %v", sid, rooms)
	}
	return nil
}
