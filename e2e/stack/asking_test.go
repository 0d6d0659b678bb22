package stack

import (
	"fmt"
	"strings"

	"github.com/socketmesh/mesh/core/coretest"
)

// asking is a question that was asked.
type asking struct {
	name string
	done chan struct{}

	answers []string
	err     error
}

// askAll asks one of each kind of question, at once.
func (w *world) askAll(m *member) []*asking {
	var all []*asking
	for _, q := range coretest.Questions {
		a := &asking{name: q.Name, done: make(chan struct{})}
		all = append(all, a)
		go func() {
			defer close(a.done)
			a.answers, a.err = q.Ask(w.Context(), m)
		}()
	}
	return all
}

func (a *asking) wait() ([]string, error) {
	<-a.done
	return a.answers, a.err
}

// servers checks that two servers see those servers, whose ids are one letter each.
func servers(a, b *coretest.TestServer, want string) error {
	for _, s := range []*coretest.TestServer{a, b} {
		got := s.Servers()
		if len(got) != len(want) || strings.Trim(strings.Join(got, ""), want) != "" {
			return fmt.Errorf("%s sees %q, want %q", s.ID, got, want)
		}
	}
	return nil
}
