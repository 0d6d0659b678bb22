package node_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// downTimes is when each server has lost a node that hangs, from then on.
func downTimes(servers []*server, id string, most time.Duration) []time.Duration {
	began := time.Now()
	times := make([]time.Duration, len(servers))
	for time.Since(began) < most && slices.Contains(times, 0) {
		within(10 * time.Millisecond)
		for i, s := range servers {
			if times[i] == 0 && s.Down(id) != nil {
				times[i] = time.Since(began)
			}
		}
	}
	return times
}

// TestLostByOthers: a host that vanishes without a word is known to all servers about a second
// after the first one has missed its heartbeats, whenever each of them was last heard.
func TestLostByOthers(t *testing.T) {
	for _, phase := range []time.Duration{0, 1200 * time.Millisecond, 2500 * time.Millisecond, 4 * time.Second} {
		t.Run(fmt.Sprint(phase), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.start("x")
				var others []*server
				for i := range 4 { // their pings are at different times
					others = append(others, w.start(string(rune('a'+i))))
					within(1300 * time.Millisecond)
				}
				within(20*time.Second + phase)
				w.net.Hang("x")
				times := downTimes(others, "x", 20*time.Second)
				first, last := slices.Min(times), slices.Max(times)
				if first == 0 || first > core.DefaultHeartbeatTimeout+500*time.Millisecond {
					t.Errorf("known after %v", times)
				}
				if last-first > 1500*time.Millisecond {
					t.Errorf("known after %v", times)
				}
				for _, s := range others {
					if cause := s.Down("x"); !errors.Is(cause, core.ErrSilentPeer) {
						t.Errorf("%s: %v", s.ID(), cause)
					}
				}
				w.net.Resume("x")
				within(time.Minute)
			})
		})
	}
}

// TestLyingHint: a peer that says over and over that all others are lost ends no link, and
// each is tried once per heartbeat interval.
func TestLyingHint(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c, liar := w.start("a"), w.start("b"), w.start("c"), w.start("d")
		within(time.Second)
		tried, last := map[string]int{}, map[string]time.Time{}
		const lies = 1000
		for range lies {
			for _, id := range []string{"a", "b", "c", "d", "nobody", ""} {
				liar.Hint("a", id)
			}
			within(10 * time.Millisecond)
			for _, id := range []string{"b", "c", "d"} {
				if at := a.Tried(id); at != last[id] {
					tried[id]++
					last[id] = at
				}
			}
		}
		most := int(lies*10*time.Millisecond/core.DefaultHeartbeatInterval) + 1
		for _, id := range []string{"b", "c"} {
			if n := tried[id]; n == 0 || n > most {
				t.Errorf("the link to %s was tried %d times, want at most %d", id, n, most)
			}
		}
		expect(t, "times that the liar itself was tried", tried["d"], 0)
		within(time.Minute)
		for _, s := range []*server{a, b, c, liar} {
			for _, other := range []string{"a", "b", "c", "d"} {
				if why := s.Down(other); why != nil {
					t.Errorf("%s has lost %s: %v", s.ID(), other, why)
				}
			}
		}
	})
}
