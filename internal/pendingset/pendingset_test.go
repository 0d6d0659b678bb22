package pendingset_test

import (
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
