package node

import "time"

// clock tells the time since a node was made. It is the monotonic one: steps of the
// wall clock cut no links.
type clock struct{ began time.Time }

// now is the time in ns.
func (c clock) now() int64 { return int64(time.Since(c.began)) }

// in is the time in d from now.
func (c clock) in(d time.Duration) int64 { return c.now() + int64(d) }

// since is the time that has passed since then.
func (c clock) since(then int64) time.Duration { return time.Duration(c.now() - then) }

// at is then as others write times.
func (c clock) at(then int64) time.Time { return c.began.Add(time.Duration(then)) }
