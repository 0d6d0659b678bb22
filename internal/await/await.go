// Package await lets tests wait for events, and fails those whose event does not come.
package await

import (
	"testing"
	"time"
)

// Patience is how long a test waits before it fails. Tests do not measure time with it:
// on a processor that many tests share, everything may stand still for many seconds.
const Patience = time.Minute

// pollEvery is the interval at which Condition checks its condition.
const pollEvery = time.Millisecond

// Value returns the next value of ch.
func Value[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-ch:
		if !ok {
			t.Fatal("channel closed")
		}
		return v
	case <-time.After(Patience):
		t.Fatalf("nothing happened in %v", Patience)
		panic("unreachable")
	}
}

// End waits until ch is closed. It ignores the values before.
func End[T any](t testing.TB, ch <-chan T) {
	t.Helper()
	deadline := time.After(Patience)
	for {
		select {
		case _, ok := <-ch:
			if !ok {
				return
			}
		case <-deadline:
			t.Fatalf("not closed in %v", Patience)
		}
	}
}

// Condition waits until a condition holds. It polls, for conditions that no channel
// announces.
func Condition(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(Patience)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not so in %v: %s", Patience, what)
		}
	}
}
