// Package backlog decides which receivers are too slow, for clients and servers
// alike. A receiver for which much waits may live as long as it makes progress:
// what a burst has left behind is no fault of the one who takes it as fast as
// the network can.
package backlog

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrSlow is what every [Error] wraps.
var ErrSlow = errors.New("too slow")

// Limits say what may wait for one receiver. The zero value of a field means its
// default, see [Limits.WithDefaults].
type Limits struct {
	// Soft is how many bytes may wait for however long it takes. While more wait,
	// the receiver has to take Rate.
	Soft int
	// Hard is how many bytes may wait at all. The longest single message that is
	// above Soft does not count, so that a message of any length can be sent.
	Hard int
	// Rate is what a receiver has to take per second, in bytes, over Soft.
	Rate int
	// Grace is the time over which that is measured.
	Grace time.Duration
}

// DefaultGrace is that of [Limits].
const DefaultGrace = 10 * time.Second

// drain is the time in which a receiver that takes the default rate has taken
// Soft bytes, in seconds: about a minute.
const drain = 64

// factor is how many times Soft the default of Hard is.
const factor = 4

// WithDefaults fills in what is not set: soft for Soft, four times Soft for Hard, a
// sixty-fourth of Soft for Rate, so that Soft bytes are taken within about a
// minute, and [DefaultGrace].
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

// Full tells whether more waits than may at all. giant is the length of the one
// message that does not count, 0 if there is none.
func (l *Limits) Full(waiting, giant int) bool { return waiting-giant > l.Hard }

// Window measures the progress of one receiver. The zero Window is ready. It is
// guarded by the receiver's lock.
type Window struct {
	since time.Time // zero: no more than Soft waits
	taken int
}

// Took notes that so many bytes have been taken.
func (w *Window) Took(bytes int) { w.taken += bytes }

// TooSlow tells whether the receiver has taken less than the rate since the window
// began, which is when it was first seen with more than Soft. It is asked every now
// and then. A piece that is under way, of which nobody can tell how much has been
// taken, gets the time that it needs at the rate.
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
	NoProgress Reason = iota // over Soft, and slower than Rate
	Full                     // over Hard
	Timeout                  // took nothing for too long
	Memory                   // all queues together hold too much, and its is among the longest

	Reasons int = iota
)

// String says it in words.
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

// Error says that a receiver was cut, and what waited for it.
type Error struct {
	Reason   Reason
	Bytes    int
	Messages int
	Behind   time.Duration // how long something has waited without end
}

// Error names all of it.
func (e *Error) Error() string { return ErrSlow.Error() + ": " + e.Detail() }

// Detail is what Error says, but for "too slow".
func (e *Error) Detail() string {
	return fmt.Sprintf("%v: %d messages of %d bytes waited, behind for %v",
		e.Reason, e.Messages, e.Bytes, e.Behind.Round(time.Millisecond))
}

// Unwrap lets errors.Is find [ErrSlow].
func (e *Error) Unwrap() error { return ErrSlow }
