package e2e

import "time"

var ackScenarios = []scenario{
	{name: "acknowledgements", run: acknowledgements},
	{name: "acknowledgements of this server's clients", run: localAcknowledgements},
	{name: "acknowledgements with a silent client", run: silentClient},
	{name: "acknowledgement through a handle", run: handleAck},
}

func acknowledgements(s *stage) {
	s.rooms()
	for i, letter := range []string{"a", "b", "c"} {
		c := s.clients[i]
		c.answer(s.T, "letter", letter)
		c.answer(s.T, "none")
		c.answer(s.T, "several", letter, 2, 3)
		c.answer(s.T, "null", nil)
		c.answer(s.T, "list", list{letter})
		c.answer(s.T, "empty list", list{})
		c.answer(s.T, "binary", args{"x": list{letter, bin(byte(i))}})
		c.answer(s.T, "bytes", bin(byte(i)), "second")
	}
	cases := []struct {
		name    string
		request args
		want    list
	}{
		{"all", args{"args": list{"letter", 1}}, list{"a", "b", "c"}},
		{"binary question", args{"args": list{"letter", bin(1)}}, list{"a", "b", "c"}},
		{"a room", args{"args": list{"letter"}, "to": list{"r2"}}, list{"b", "c"}},
		{"except", args{"args": list{"letter"}, "except": list{"r2"}}, list{"a"}},
		{"no client", args{"args": list{"letter"}, "to": list{"nowhere"}}, list{}},
		{"from a socket", args{"args": list{"letter"}, "sid": s.clients[0].sid}, list{"b", "c"}},
		{"one socket elsewhere", args{"args": list{"letter"}, "to": list{s.clients[2].sid}}, list{"c"}},
		{"no argument", args{"args": list{"none"}}, list{nil, nil, nil}},
		{"the first of several", args{"args": list{"several"}}, list{"a", "b", "c"}},
		{"null", args{"args": list{"null"}}, list{nil, nil, nil}},
		{"lists", args{"args": list{"list"}}, list{list{"a"}, list{"b"}, list{"c"}}},
		{"empty lists", args{"args": list{"empty list"}}, list{list{}, list{}, list{}}},
		{"binary", args{"args": list{"binary"}}, list{
			args{"x": list{"a", bin(0)}}, args{"x": list{"b", bin(1)}}, args{"x": list{"c", bin(2)}},
		}},
		{"bytes", args{"args": list{"bytes"}}, list{bin(0), bin(1), bin(2)}},
	}
	for _, c := range cases {
		began := time.Now()
		value, failure := s.gather("emitWithAck", with(args{"flags": args{"timeout": within}}, c.request))
		sameSet(s.T, c.name, value, c.want)
		same(s.T, c.name+": error", failure, nil)
		if took := time.Since(began); took > within*time.Millisecond/2 {
			s.Errorf("%s: took %v", c.name, took)
		}
	}
}

// localAcknowledgements work where Go's server asks. Node's waits for the other
// servers' counts, which never come.
func localAcknowledgements(s *stage) {
	if s.origin.kind == nodeKind {
		s.Skip("Node's Socket.IO cannot")
	}
	s.rooms()
	for _, c := range s.clients {
		c.answer(s.T, "q", c.sid)
	}
	local := args{"flags": args{"local": true, "timeout": within}, "args": list{"q"}}
	value, failure := s.gather("emitWithAck", local)
	same(s.T, "answers", value, list{s.clients[0].sid})
	same(s.T, "error", failure, nil)
	value, failure = s.gather("emitWithAck", with(local, args{"to": list{"r2"}}))
	same(s.T, "answers where no client is", value, list{})
	same(s.T, "error", failure, nil)
}

func silentClient(s *stage) {
	s.clients[0].answer(s.T, "q", "a")
	s.clients[1].answer(s.T, "q", "b")
	value, failure := s.gather("emitWithAck", args{"args": list{"q"}, "flags": args{"timeout": 500}})
	sameSet(s.T, "answers", value, list{"a", "b"})
	same(s.T, "error", failure, "operation has timed out")
}

func handleAck(s *stage) {
	for _, c := range s.clients {
		c.answer(s.T, "q", c.sid, "second")
		c.answer(s.T, "none")
		c.answer(s.T, "binary", args{"x": bin(1)})
	}
	for _, c := range s.clients {
		for event, want := range map[string]any{"q": c.sid, "none": nil, "binary": args{"x": bin(1)}} {
			value, failure := s.gather("remoteEmitWithAck", args{"sid": c.sid, "timeout": within, "args": list{event}})
			same(s.T, event, single(s, value), want)
			same(s.T, event+": error", failure, nil)
		}
		_, failure := s.gather("remoteEmitWithAck", args{"sid": c.sid, "timeout": 200, "args": list{"nobody answers this"}})
		same(s.T, "silent: error", failure, "operation has timed out")
	}
}

// single is the one answer of a client. Go's library hands over its arguments.
func single(s *stage, value any) any {
	if s.origin.kind == nodeKind {
		return value
	}
	if arguments, ok := value.([]any); ok && len(arguments) > 0 {
		return arguments[0]
	}
	return nil
}
