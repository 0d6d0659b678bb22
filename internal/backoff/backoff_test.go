package backoff_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/internal/backoff"
)

func TestDelaysDouble(t *testing.T) {
	b := backoff.Backoff{Min: 100 * time.Millisecond, Max: 30 * time.Second}
	for round := range 2 {
		low, high := b.Min, 2*b.Min
		for i := range 20 {
			if d := b.Next(); d < low || d > high {
				t.Fatalf("round %d: delay %d is %v: want %v to %v", round, i, d, low, high)
			}
			low, high = min(high, b.Max/2), min(2*high, b.Max)
		}
		b.Reset()
	}
}

func TestDelaysAreRandom(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 10 {
		b := backoff.Backoff{Min: time.Second, Max: time.Minute}
		seen[b.Next()] = true
	}
	if len(seen) < 2 {
		t.Errorf("ten delays are all the same: %v", seen)
	}
}

func TestEqualBounds(t *testing.T) {
	for _, only := range []time.Duration{1, time.Second, math.MaxInt64} {
		b := backoff.Backoff{Min: only, Max: only}
		for range 3 {
			if d := b.Next(); d != only {
				t.Errorf("delay is %v: want the only one allowed, %v", d, only)
			}
		}
	}
}

// TestJitter: a quarter shorter or longer, and all in between.
func TestJitter(t *testing.T) {
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		d := backoff.Jitter(8 * time.Second)
		low, high = min(low, d), max(high, d)
	}
	if low < 6*time.Second || low > 7*time.Second || high > 10*time.Second || high < 9*time.Second {
		t.Errorf("between %v and %v: want 6 to 10 s", low, high)
	}
}

// TestSleep: the end of the context cuts it short.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if !backoff.Sleep(ctx, 400*time.Millisecond) || backoff.Sleep(ctx, time.Minute) || time.Since(began) != time.Second {
			t.Errorf("slept for %v: want a second in all, the second time cut short", time.Since(began))
		}
	})
}
