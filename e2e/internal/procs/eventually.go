package procs

import (
	"testing"
	"time"
)

// pollEvery is how often conditions are looked at that nobody reports.
const pollEvery = 10 * time.Millisecond

// Eventually looks at a condition until it holds, or ends the test when the time is
// over. The condition's error says what is wrong. It returns how long that took.
func Eventually(t testing.TB, within time.Duration, condition func() error) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > within {
			t.Fatalf("after %v: %v", within, err)
		}
		<-tick.C
	}
}
