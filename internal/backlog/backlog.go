// Package backlog decides which receivers, clients or servers, are too slow. A receiver
// with a long queue is not cut as long as it makes progress: a burst is no fault of a
// receiver that takes it as fast as the network can.
package backlog

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrSlow is wrapped by every [Error].
var ErrSlow = errors.New("too slow")

// Limits are the limits of one receiver's queue. Zero fields have defaults, see
// [Limits.WithDefaults].
type Limits struct {
	// Soft is the number of bytes that may wait for any length of time. Above it, the
	// receiver has to take Rate.
	Soft int
	// Hard is the number of bytes that may never be exceeded. One message above Soft does
	// not count, so that a message of any length can be sent.
	Hard int
	// Rate is how many bytes a receiver has to take per second while more than Soft wait.
	Rate int
	// Grace is the time over which the rate is measured.
	Grace time.Duration
}

// DefaultGrace is the default of Grace in [Limits].
const DefaultGrace = 10 * time.Second

// drain is the number of seconds in which a receiver at the default rate takes Soft
// bytes: about a minute.
const drain = 64

// factor is the default of Hard, as a multiple of Soft.
const factor = 4

// WithDefaults sets the fields that are zero: Soft to soft, Hard to four times Soft, Rate
// to a sixty-fourth of Soft, so that Soft bytes are taken within about a minute, and
// Grace to [DefaultGrace].
func (l Limits) WithDefaults(soft int) Limits {
	l.Soft = cmp.Or(l.Soft, soft)
	if l.Hard == 0 {
		l.Hard = math.MaxInt
		if l.Soft <= math.MaxInt/factor {
			l.Hard = factor * l.Soft
		}
	}
	l.Rate = cmp.Or(l.Rate, max(1, l.Soft/drain))
	l.Grace = cmp.Or(l.Grace, DefaultGrace)
	return l
}

// Full reports whether more than Hard bytes wait. giant is the length of the one message
// that does not count, or 0.
func (l *Limits) Full(waiting, giant int) bool { return waiting-giant > l.Hard }

// Window measures the progress of one receiver. The zero Window is ready. It is
// guarded by the receiver's lock.
type Window struct {
	since time.Time // when the window began; zero while no more than Soft waits
	taken int
}

// Took notes that the receiver has taken so many bytes.
func (w *Window) Took(bytes int) { w.taken += bytes }

// TooSlow reports whether the receiver has taken less than the rate since the window
// began, which is when more than Soft was first seen. It is called at intervals. Nobody
// can tell how much of the bytes that are under way was taken, so they get the time that
// they need at the rate.
func (w *Window) TooSlow(l *Limits, waiting, underWay int, now time.Time) bool {
	switch {
	case waiting <= l.Soft:
		*w = Window{}
		return false
	case w.since.IsZero():
		*w = Window{since: now}
		return false
	}
	seconds := now.Sub(w.since).Seconds()
	if seconds < max(l.Grace.Seconds(), float64(underWay)/float64(l.Rate)) {
		return false
	}
	if float64(w.taken) < float64(l.Rate)*seconds {
		return true
	}
	*w = Window{since: now}
	return false
}

// Reason says why a receiver was cut.
type Reason uint8

const (
	NoProgress Reason = iota // above Soft, and slower than Rate
	Full                     // above Hard
	Timeout                  // took nothing for too long
	Memory                   // all queues together take too much memory, and this one is among the longest

	Reasons int = iota
)

// String describes the reason in words.
func (r Reason) String() string {
	switch r {
	case NoProgress:
		return "it takes too little"
	case Full:
		return "its queue is full"
	case Timeout:
		return "it takes nothing"
	case Memory:
		return "all queues together hold too much"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Error says why a receiver was cut, and how much waited for it.
type Error struct {
	Reason   Reason
	Bytes    int
	Messages int
	Behind   time.Duration // how long the queue was never empty
}

// Error describes the reason and the queue.
func (e *Error) Error() string { return ErrSlow.Error() + ": " + e.Detail() }

// Detail is Error without "too slow".
func (e *Error) Detail() string {
	return fmt.Sprintf("%v: %d messages of %d bytes waited, behind for %v",
		e.Reason, e.Messages, e.Bytes, e.Behind.Round(time.Millisecond))
}

// Unwrap lets errors.Is find [ErrSlow].
func (e *Error) Unwrap() error { return ErrSlow }
