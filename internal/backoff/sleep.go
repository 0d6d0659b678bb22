package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Sleep waits for d. It reports false if ctx ends first.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Jitter returns d, made up to a quarter shorter or longer, so that nodes that do something
// regularly do not all do it at the same moment. d must not be negative.
func Jitter(d time.Duration) time.Duration {
	return d - d/4 + time.Duration(rand.Int64N(int64(d/2)+1))
}
