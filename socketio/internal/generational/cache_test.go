package generational

import (
	"fmt"
	"testing"
)

// TestCache: the newest entries stay, at most two generations of them, and a key that
// is put again counts once.
func TestCache(t *testing.T) {
	c := Cache[string, int]{Limit: 2}
	for i := range 5 {
		c.Put(fmt.Sprint(i), i)
	}
	for i, want := range []bool{false, false, true, true, true} {
		if v, ok := c.Get(fmt.Sprint(i)); ok != want || ok && v != i {
			t.Errorf("entry %d: %v %v, want it there: %v", i, v, ok, want)
		}
	}
	c.Put("3", 33) // from the old generation to the young one
	if v, _ := c.Get("3"); v != 33 || c.Len() != 3 {
		t.Errorf("entry 3 is %d of %d, want 33 of 3", v, c.Len())
	}
	c.Delete("3")
	if _, ok := c.Get("3"); ok {
		t.Error("a deleted entry is there")
	}
	c.Clear()
	if c.Len() != 0 {
		t.Errorf("%d entries after Clear", c.Len())
	}
}
