package session

import (
	"testing"
	"time"

	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// TestReprieve: time in which the process was late does not count for a client, once.
func TestReprieve(t *testing.T) {
	late := time.Minute
	s := &Session{env: &Env{Late: func() time.Duration { return late }}, transport: &wstransport.Transport{}}
	s.late.Store(int64(late))
	if more, ok := s.reprieve(); ok {
		t.Errorf("%v for a client that is silent", more)
	}
	late += 3 * time.Second
	if more, ok := s.reprieve(); !ok || more != 3*time.Second {
		t.Errorf("%v, %v after 3 s in which the process did not run", more, ok)
	}
	if more, ok := s.reprieve(); ok {
		t.Errorf("%v again", more)
	}
}
