package load

import "time"

// clock computes machineTime without asking the kernel each time.
type clock struct {
	began time.Time
	at    int64
}

func newClock() clock { return clock{time.Now(), machineTime()} }

// now is the time in nanoseconds.
func (c clock) now() int64 { return c.at + int64(time.Since(c.began)) }
