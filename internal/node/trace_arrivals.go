package node

import (
	"sync"

	"github.com/socketmesh/mesh/core"
)

// arrivals records, while traces run, when the last messages of each peer arrived, by
// their positions. A reader knows the positions from the trace of the sender.
type arrivals struct {
	mu        sync.RWMutex
	sequences map[sequenceID]*sequence

	waitingMu sync.Mutex
	waiting   map[*core.Message]waiting // have arrived, and were not handled yet
}

// The limits of what is recorded: 6 MiB at most.
const (
	maxTracedSequences = 256  // streams of links
	tracedArrivals     = 1024 // the last messages of each stream
	maxTracedWaiting   = 4096
)

type sequenceID struct {
	session  string
	sequence int
}

// sequence is the last messages of one stream: a ring in which a message's index is its
// position modulo the length.
type sequence struct {
	mu   sync.Mutex
	last []arrival
}

type arrival struct {
	behind            uint64 // the message's position plus 1; 0 for none
	received, handled int64
}

type waiting struct {
	in       *sequence
	position uint64
}

func newArrivals() *arrivals {
	return &arrivals{sequences: map[sequenceID]*sequence{}, waiting: map[*core.Message]waiting{}}
}

// add records the arrival of a message.
func (a *arrivals) add(s *stream, m *core.Message, session string, position uint64, now int64) {
	in := a.of(sequenceID{session, s.fifo})
	if in == nil {
		return
	}
	in.mu.Lock()
	*in.at(position) = arrival{behind: position + 1, received: now}
	in.mu.Unlock()
	if !isActedUpon(m.Kind) {
		return
	}
	a.waitingMu.Lock()
	defer a.waitingMu.Unlock()
	if len(a.waiting) >= maxTracedWaiting {
		clear(a.waiting) // most of them will never be handled: their namespace is not open
	}
	a.waiting[m] = waiting{in, position}
}

// isActedUpon reports whether messages of a kind go through the inbox of their sender,
// whose adapter calls Handled.
func isActedUpon(kind core.Kind) bool {
	switch kind {
	case core.KindInitialHeartbeat, core.KindHeartbeat, core.KindAdapterClose:
		return false
	}
	return !kind.IsResponse()
}

// of returns the record of a stream; nil if there are too many streams.
func (a *arrivals) of(id sequenceID) *sequence {
	a.mu.RLock()
	in := a.sequences[id]
	a.mu.RUnlock()
	if in != nil {
		return in
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if in = a.sequences[id]; in == nil && len(a.sequences) < maxTracedSequences {
		in = &sequence{last: make([]arrival, tracedArrivals)}
		a.sequences[id] = in
	}
	return in
}

func (s *sequence) at(position uint64) *arrival { return &s.last[position%uint64(len(s.last))] }

// handled records that a message was acted upon.
func (a *arrivals) handled(m *core.Message, now int64) {
	a.waitingMu.Lock()
	w, known := a.waiting[m]
	delete(a.waiting, m)
	a.waitingMu.Unlock()
	if !known {
		return
	}
	w.in.mu.Lock()
	defer w.in.mu.Unlock()
	if at := w.in.at(w.position); at.behind == w.position+1 {
		at.handled = now
	}
}

// find returns what is recorded for these positions.
func (a *arrivals) find(of []core.TracePosition) (found []core.TraceArrival) {
	for _, p := range of {
		a.mu.RLock()
		in := a.sequences[sequenceID{p.Session, p.Sequence}]
		a.mu.RUnlock()
		if in == nil {
			continue
		}
		in.mu.Lock()
		at := *in.at(p.Position)
		in.mu.Unlock()
		if at.behind == p.Position+1 {
			found = append(found, core.TraceArrival{TracePosition: p, Received: at.received, Handled: at.handled})
		}
	}
	return found
}
