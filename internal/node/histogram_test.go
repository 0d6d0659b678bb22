package node

import (
	"testing"
	"time"
)

// TestBuckets: a value is in the bucket of the first bound that is not below it.
func TestBuckets(t *testing.T) {
	for bytes := range 1<<20 + 2 {
		want := 0
		for want < len(sizeBounds) && float64(bytes) > sizeBounds[want] {
			want++
		}
		if got := sizeBucket(bytes); got != want {
			t.Fatalf("%d bytes are in bucket %d, want %d", bytes, got, want)
		}
	}
	var d durations
	for _, took := range []time.Duration{0, 5 * time.Millisecond, 6 * time.Millisecond, 10 * time.Second, time.Minute} {
		d.add(took)
	}
	h := d.histogram()
	if h.Counts[0] != 2 || h.Counts[1] != 1 || h.Counts[10] != 1 || h.Counts[11] != 1 || h.Sum != 70.011 {
		t.Errorf("%+v", h)
	}
}

// TestPings: only the answer to the ping that is timed counts, not answers to other
// pings, nor answers without a ping.
func TestPings(t *testing.T) {
	var g pings
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	if _, timed := g.end(at(0)); timed {
		t.Error("an answer before there was a ping")
	}
	g.begin(at(1))
	g.begin(at(2)) // not timed: one is under way
	if took, timed := g.end(at(4)); !timed || took != 3*time.Second {
		t.Errorf("first: %v, %v", took, timed)
	}
	g.begin(at(5))
	if _, timed := g.end(at(6)); timed {
		t.Error("the second ping is not timed")
	}
	if took, timed := g.end(at(7)); !timed || took != 2*time.Second {
		t.Errorf("third: %v, %v", took, timed)
	}
	if _, timed := g.end(at(8)); timed {
		t.Error("one answer too many")
	}
}
