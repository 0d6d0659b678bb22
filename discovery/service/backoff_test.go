package service

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	b := backoff{min: 100 * time.Millisecond, max: 30 * time.Second}
	for round := range 2 {
		low, high := b.min, 2*b.min
		for i := range 20 {
			if d := b.next(); d < low || d > high {
				t.Fatalf("round %d: delay %d is %v: want %v to %v", round, i, d, low, high)
			}
			low, high = min(high, b.max/2), min(2*high, b.max)
		}
		b.reset()
	}
	equal := backoff{min: time.Second, max: time.Second}
	if d := equal.next(); d != time.Second {
		t.Errorf("delay is %v: want the only one allowed", d)
	}
}
