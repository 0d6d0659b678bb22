package endpoint

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// TestStatus: Since moves when Heard changes, a failure keeps the servers, an answer ends the
// error, and a new Run forgets all of it.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, failure := time.Now(), errors.New("no answer")
		s := Named("x")
		at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
		for i, step := range []struct {
			do   func()
			want core.DiscoveryEndpoint
		}{
			{s.Begin, core.DiscoveryEndpoint{Name: "x", Since: at(0)}},
			{func() { s.Failed(failure) }, core.DiscoveryEndpoint{Name: "x", Since: at(0), Err: failure}},
			{func() { s.Heard(3) }, core.DiscoveryEndpoint{Name: "x", Heard: true, Since: at(2), Last: at(2), Peers: 3}},
			{func() { s.Heard(4) }, core.DiscoveryEndpoint{Name: "x", Heard: true, Since: at(2), Last: at(3), Peers: 4}},
			{func() { s.Failed(failure) }, core.DiscoveryEndpoint{Name: "x", Since: at(4), Last: at(3), Peers: 4, Err: failure}},
			{s.Begin, core.DiscoveryEndpoint{Name: "x", Since: at(5)}},
		} {
			step.do()
			if got := s.Get(); got != step.want {
				t.Errorf("step %d: got %+v, want %+v", i, got, step.want)
			}
			time.Sleep(time.Second)
		}
	})
}
