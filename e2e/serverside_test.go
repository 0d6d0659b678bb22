package e2e

import (
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

var serverScenarios = []scenario{
	{name: "serverSideEmit", run: serverSideEmit},
	{name: "serverSideEmit with answers", run: serverSideAnswers},
	{name: "serverCount", run: serverCount},
}

func recorded(t *testing.T, s *server, nsp, event string) list {
	t.Helper()
	return s.do(t, "recorded", args{"nsp": nsp, "event": event}).([]any)
}

func serverSideEmit(s *stage) {
	notes := []list{
		{"a", 1, nil, true},
		{},
		{bin(1, 2), args{"x": list{bin()}}},
	}
	for _, note := range notes {
		s.do("serverSideEmit", args{"args": append(list{"note"}, note...)})
	}
	for _, other := range s.servers[1:] {
		procs.Eventually(s.T, askTime, func() error {
			if n := len(recorded(s.T, other, s.nsp, "note")); n < len(notes) {
				return fmt.Errorf("%s has got %d of %d events", other.name, n, len(notes))
			}
			return nil
		})
		same(s.T, other.name, recorded(s.T, other, s.nsp, "note"), notes)
	}
	same(s.T, "the origin's own", recorded(s.T, s.origin, s.nsp, "note"), list{})
}

func serverSideAnswers(s *stage) {
	question := list{"q", bin(1), args{"deep": bin(2)}}
	value, failure := s.gather("serverSideEmitWithAck", args{"args": append(list{"ask"}, question...)})
	want := list{}
	for _, other := range s.servers[1:] {
		want = append(want, args{"server": other.id, "args": question})
	}
	sameSet(s.T, "answers", value, want)
	same(s.T, "error", failure, nil)

	value, failure = s.gather("serverSideEmitWithAck", args{"args": list{"blank"}})
	sameSet(s.T, "answers without a value", value, list{nil, nil})
	same(s.T, "error", failure, nil)
}

func serverCount(s *stage) {
	for _, server := range s.servers {
		same(s.T, server.name, server.do(s.T, "serverCount", args{"nsp": s.nsp}), 3)
	}
	same(s.T, "in a namespace of its own", s.do("serverCount", args{"nsp": s.nsp + "-alone"}), 1)
}
