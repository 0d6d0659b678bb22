package proxy

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Delay is how much later something arrives: by Least, and up to Jitter more. A seed fixes
// the sequence of delays.
type Delay struct {
	Least, Jitter time.Duration
	Seed          uint64
}

// clock draws delays for all that goes through a proxy.
type clock struct {
	Delay
	mu     sync.Mutex
	random *rand.Rand
}

func newClock(d Delay) *clock {
	return &clock{Delay: d, random: rand.New(rand.NewPCG(d.Seed, 0xde1a7))}
}

// draw draws the next delay.
func (c *clock) draw() time.Duration {
	if c.Jitter <= 0 {
		return c.Least
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Least + time.Duration(c.random.Int64N(int64(c.Jitter)))
}
