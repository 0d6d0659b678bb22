package pendingset_test

import (
	"net/netip"
	"testing"

	"github.com/socketmesh/mesh/internal/pendingset"
)

func TestOldestIsEvicted(t *testing.T) {
	s := pendingset.New[string](2)
	for _, step := range []struct {
		add, oldest string
	}{{"a", ""}, {"b", ""}, {"c", "a"}, {"d", "b"}} {
		if oldest, evicted := s.Add(step.add); oldest != step.oldest || evicted != (step.oldest != "") {
			t.Errorf("adding %s evicts %q (%v): want %q", step.add, oldest, evicted, step.oldest)
		}
	}
	if n := s.Len(); n != 2 {
		t.Errorf("%d are pending: want 2", n)
	}
	for pending, want := range map[string]bool{"a": false, "c": true, "d": true} {
		if got := s.Remove(pending); got != want {
			t.Errorf("removing %s: %v, want %v", pending, got, want)
		}
	}
	if s.Remove("c") || s.Len() != 0 {
		t.Errorf("c is removed twice, or %d are pending: want 0", s.Len())
	}
	if _, evicted := s.Add("e"); evicted {
		t.Error("an empty set evicts")
	}
}

// TestSourceIsBounded: who has too many loses the own oldest, and nobody else's.
func TestSourceIsBounded(t *testing.T) {
	s := pendingset.NewPerSource[string](4, 2)
	one, other := pendingset.Source("192.0.2.1:4000"), pendingset.Source("192.0.2.2:4000")
	for _, step := range []struct {
		source      netip.Prefix
		add, oldest string
	}{{other, "x", ""}, {one, "a", ""}, {one, "b", ""}, {one, "c", "a"}, {one, "d", "b"}, {netip.Prefix{}, "y", ""}, {netip.Prefix{}, "z", "x"}, {other, "w", "c"}} {
		if oldest, evicted := s.AddFrom(step.source, step.add); oldest != step.oldest || evicted != (step.oldest != "") {
			t.Errorf("adding %s evicts %q (%v): want %q", step.add, oldest, evicted, step.oldest)
		}
	}
	if !s.Remove("d") || !s.TryAddFrom(one, "e") || s.TryAddFrom(other, "f") {
		t.Error("TryAddFrom takes in one too few, or too many")
	}
	s.Remove("y")
	s.Remove("z")
	if !s.TryAddFrom(one, "g") || s.TryAddFrom(one, "h") {
		t.Error("TryAddFrom does not bound a source")
	}
}

func TestSource(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:4000":           "192.0.2.1/32",
		"[::ffff:192.0.2.1]:4000":  "192.0.2.1/32",
		"[2001:db8:1:2:3::4]:4000": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:4000":      "fe80::/64",
		"mem:a":                    netip.Prefix{}.String(),
		"":                         netip.Prefix{}.String(),
		"host.example:4000":        netip.Prefix{}.String(),
	} {
		if got := pendingset.Source(remote).String(); got != want {
			t.Errorf("%q: %s, want %s", remote, got, want)
		}
	}
}
