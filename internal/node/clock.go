package node

import "time"

// clock tells the time since the node was made. It is monotonic: a step of the wall clock
// cuts no links.
type clock struct{ began time.Time }

// now returns the time in ns.
func (c clock) now() int64 { return int64(time.Since(c.began)) }

// in returns the time that is d from now.
func (c clock) in(d time.Duration) int64 { return c.now() + int64(d) }

// since returns how much time has passed since then.
func (c clock) since(then int64) time.Duration { return time.Duration(c.now() - then) }

// at converts a time of this clock to a [time.Time].
func (c clock) at(then int64) time.Time { return c.began.Add(time.Duration(then)) }
