// Package backoff computes the delays between attempts to reach a peer or a service.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Backoff is a sequence of delays that double, from Min up to Max. Each is random, so
// that nodes that have lost a peer or a service at the same moment do not all come back
// at the same moment. It is for one goroutine.
type Backoff struct {
	Min, Max time.Duration
	Rand     *rand.Rand // source of the randomness; nil means the global one

	ceiling time.Duration // of the last delay; 0 at the start
}

// Next returns the next delay: between half the ceiling and the ceiling, never
// below Min. The ceiling is twice Min at first and doubles up to Max.
func (b *Backoff) Next() time.Duration {
	if b.ceiling = max(b.ceiling, b.Min); b.ceiling > b.Max/2 {
		b.ceiling = b.Max
	} else {
		b.ceiling *= 2
	}
	floor := max(b.Min, b.ceiling/2)
	if b.Rand != nil {
		return floor + time.Duration(b.Rand.Int64N(int64(b.ceiling-floor+1)))
	}
	return floor + rand.N(b.ceiling-floor+1)
}

// Reset starts again with the shortest delay.
func (b *Backoff) Reset() { b.ceiling = 0 }
