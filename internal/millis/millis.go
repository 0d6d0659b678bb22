// Package millis converts durations to whole milliseconds, as messages contain them.
package millis

import "time"

// Ceil returns d in milliseconds, rounded up: a timeout that is not 0 does not become 0.
func Ceil(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return ms
}
