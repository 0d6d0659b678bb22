package node

import (
	"sync"

	"github.com/socketmesh/mesh/core"
)

// arrivals remember when the last messages of each peer came, by their positions, while
// traces run. Who asks knows the positions from the other end.
type arrivals struct {
	mu        sync.RWMutex
	sequences map[sequenceID]*sequence

	waitingMu sync.Mutex
	waiting   map[*core.Message]waiting // have arrived, and are not handled
}

// The bounds of what is remembered: 6 MiB at most.
const (
	maxTracedSequences = 256  // streams of links
	tracedArrivals     = 1024 // of each, the last ones
	maxTracedWaiting   = 4096
)

type sequenceID struct {
	session  string
	sequence int
}

// sequence is the last messages of one stream. The one at a position is at that, modulo
// the length.
type sequence struct {
	mu   sync.Mutex
	last []arrival
}

type arrival struct {
	behind            uint64 // its position, plus 1; 0 for none
	received, handled int64
}

type waiting struct {
	in       *sequence
	position uint64
}

func newArrivals() *arrivals {
	return &arrivals{sequences: map[sequenceID]*sequence{}, waiting: map[*core.Message]waiting{}}
}

// add notes a message.
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
		clear(a.waiting) // most of them are not handled at all: their namespace is not open
	}
	a.waiting[m] = waiting{in, position}
}

// isActedUpon tells whether messages of a kind are, in the inbox of who sent them.
func isActedUpon(kind core.Kind) bool {
	switch kind {
	case core.KindInitialHeartbeat, core.KindHeartbeat, core.KindAdapterClose:
		return false
	}
	return !kind.IsResponse()
}

// of is where the messages of a stream are; nil if there are too many streams.
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

// handled notes that a message has been acted upon.
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

// find is what is known of these positions.
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
