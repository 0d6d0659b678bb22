// Package await lets tests wait for what must happen, and ends those for which it does not.
package await

import (
	"testing"
	"time"
)

// Patience is how long a test waits. No test measures time with it: a processor that many
// tests share may stand still for many seconds.
const Patience = time.Minute

// pollEvery is how often a condition is looked at that nobody announces.
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

// End waits until ch is closed, whatever comes before.
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

// Condition waits until a condition holds that nobody announces.
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
