package load

import (
	"maps"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
)

// Tally contains the counts of a swarm so far.
type Tally struct {
	Ready     int    // clients that are connected and in their rooms
	Failed    int    // clients that have given up connecting
	Retried   int    // connections that were begun again
	Refused   int    // answers with 503: the server accepts no clients for now
	Stalled   int    // connections on which nothing was received for too long
	Closed    int    // clients that the server has disconnected
	LastError string // the last error of a connection
	// Reasons count why clients were disconnected.
	Reasons map[string]int

	Sent       uint64
	Deliveries uint64
	Late       uint64 // out of order
	Duplicates uint64
	Strange    uint64 // messages that the benchmark has not sent
	Pings      uint64 // of the server, answered

	At  int64         // when it was taken, in nanoseconds of the machine's clock
	CPU time.Duration // of this process
}

// marks are the beginning and the end of the measured time.
type marks struct {
	measuring bool
	begin     Tally
	end       Tally
	latency   histogram.Histogram
	pingLate  histogram.Histogram
	last      int64 // when the last delivery came
}

// deliver records a message in the check of its stream. body is what follows the event's
// name.
func (w *Swarm) deliver(s *session, body []byte, now int64) {
	m, ok := readStamp(body)
	if !ok {
		w.tally.Strange++
		return
	}
	w.tally.Deliveries++
	w.marks.last = now
	if w.marks.measuring {
		w.marks.latency.Record(m.age(now))
	}
	c := s.checkOf(m.stream)
	if c == nil {
		w.openCheck(s, m)
	} else {
		switch c.take(m.seq) {
		case late:
			w.tally.Late++
		case duplicate:
			w.tally.Duplicates++
			return
		}
	}
	if p := w.publisherOf(m.stream); p != nil {
		p.arrived(m.slot)
	}
}

// openCheck starts the check of a stream with its first message.
func (w *Swarm) openCheck(s *session, m stamp) {
	s.checks = append(s.checks, newSequenceCheck(m.stream, m.seq))
	if len(s.checks) == w.plan.Publishers*w.plan.RoomsPerClient {
		w.wanted++
	}
}

// maxReasons is how many different reasons are counted separately.
const maxReasons = 20

// noteReason counts why a client was disconnected.
func (t *Tally) noteReason(err error) {
	if t.Reasons == nil {
		t.Reasons = map[string]int{}
	}
	reason := err.Error()
	if _, known := t.Reasons[reason]; !known && len(t.Reasons) >= maxReasons {
		reason = "other reasons"
	}
	t.Reasons[reason]++
}

// Begin begins the measurement.
func (w *Swarm) Begin() (Tally, error) {
	err := w.call(func() {
		w.marks.begin = w.snapshot()
		w.marks.latency, w.marks.pingLate = histogram.Histogram{}, histogram.Histogram{}
		w.marks.measuring = true
	})
	return w.marks.begin, err
}

// End ends the measurement.
func (w *Swarm) End() (Tally, error) {
	err := w.call(func() {
		w.marks.end = w.snapshot()
		w.marks.measuring = false
	})
	return w.marks.end, err
}

// Tally returns what has been counted.
func (w *Swarm) Tally() (Tally, error) {
	var t Tally
	err := w.call(func() { t = w.snapshot() })
	return t, err
}

func (w *Swarm) snapshot() Tally {
	t := w.tally
	t.Reasons = maps.Clone(t.Reasons)
	t.At = w.clock.now()
	t.CPU = processCPU()
	return t
}
