package service

import (
	"math/rand/v2"
	"time"
)

// backoff is the delay between two attempts: random, so that nodes that lost
// the service together do not come back together, and doubling up to a limit.
type backoff struct {
	min, max time.Duration
	ceiling  time.Duration // of the next delay; 0 at the start
}

// next returns a delay between half the ceiling and the ceiling, within the
// bounds, and doubles the ceiling.
func (b *backoff) next() time.Duration {
	b.ceiling = min(max(2*b.ceiling, 2*b.min), b.max)
	floor := max(b.min, b.ceiling/2)
	return floor + rand.N(b.ceiling-floor+1)
}

// reset starts again with the smallest delay.
func (b *backoff) reset() { b.ceiling = 0 }
