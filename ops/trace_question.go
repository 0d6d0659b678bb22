package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Tracer is a [Source] that can trace messages.
type Tracer interface {
	// Trace starts to record messages that match filter; of those that this node sends, at
	// most rate per second.
	Trace(filter core.TraceFilter, rate int) (core.Trace, error)
}

// traceQuestion starts or renews a trace at another node, and reads it.
type traceQuestion struct {
	ID        string          `json:"id"` // random: the id alone allows reading the trace
	Kinds     []core.Kind     `json:"kinds,omitempty"`
	Namespace string          `json:"namespace,omitempty"`
	Room      string          `json:"room,omitempty"`
	Peer      string          `json:"peer,omitempty"`
	Rate      int             `json:"rate"`
	Find      []positionGroup `json:"find,omitempty"` // messages that other nodes have sent to this one
	Stop      bool            `json:"stop,omitempty"`
}

// positionGroup has positions of one sequence.
type positionGroup struct {
	Session   string   `json:"s"`
	Sequence  int      `json:"q"`
	Positions []uint64 `json:"p"`
}

// traceAnswer is what a node has recorded since the previous question.
type traceAnswer struct {
	Now      int64                `json:"now"` // on the node's clock, like all times here
	Messages []core.TracedMessage `json:"messages,omitempty"`
	Sends    []core.TracedSend    `json:"sends,omitempty"`
	Releases []core.TracedRelease `json:"releases,omitempty"`
	Arrivals []core.TraceArrival  `json:"arrivals,omitempty"`
	Skipped  uint64               `json:"skipped"`
	Lost     uint64               `json:"lost"`
	Cut      int                  `json:"cut,omitempty"` // messages, sends and releases that did not fit into the answer
}

func (a *traceAnswer) shorten() bool {
	before := len(a.Messages) + len(a.Sends) + len(a.Releases)
	var shortened bool
	switch {
	case len(a.Messages) >= max(len(a.Sends), len(a.Releases))/4:
		shortened = half(&a.Messages)
	case len(a.Sends) >= len(a.Releases):
		shortened = half(&a.Sends)
	default:
		shortened = half(&a.Releases)
	}
	a.Cut += before - len(a.Messages) - len(a.Sends) - len(a.Releases)
	return shortened
}

// traceLease is how long a trace goes on without a question: so the trace of a node that
// has crashed, or is cut off, ends.
const traceLease = 5 * time.Second

// leases are the traces of this node that handlers read.
type leases struct {
	mu     sync.Mutex
	byID   map[string]*lease
	closed bool
}

type lease struct {
	trace core.Trace
	end   *time.Timer
}

// trace answers a question about messages.
func (h *Handler) trace(_ context.Context, q traceQuestion) (*traceAnswer, error) {
	if q.Stop {
		h.leases.stop(q.ID)
		return &traceAnswer{}, nil
	}
	trace, err := h.leases.renew(h.source, q)
	if err != nil {
		return nil, err
	}
	read := trace.Read()
	var find []core.TracePosition
	for _, g := range q.Find {
		for _, p := range g.Positions {
			find = append(find, core.TracePosition{Session: g.Session, Sequence: g.Sequence, Position: p})
		}
	}
	return &traceAnswer{
		Messages: read.Messages, Sends: read.Sends, Releases: read.Releases, Skipped: read.Skipped, Lost: read.Lost,
		Arrivals: trace.Arrivals(find), Now: trace.Now(),
	}, nil
}

// renew returns the trace of this id, and starts it if there is none.
func (l *leases) renew(source Source, q traceQuestion) (core.Trace, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[q.ID]; known != nil && known.end.Reset(traceLease) {
		return known.trace, nil
	}
	tracer, ok := source.(Tracer)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: this node shows no messages", core.ErrUnsupported)
	case l.closed:
		return nil, core.ErrClosed
	case q.ID == "" || len(q.ID) > maxTraceID:
		return nil, errors.New("id: want a random one")
	}
	filter := core.TraceFilter{Kinds: q.Kinds, Namespace: q.Namespace, Room: q.Room, Peer: q.Peer}
	trace, err := tracer.Trace(filter, min(max(cmp.Or(q.Rate, defaultTraceRate), 1), maxTraceRate))
	if err != nil {
		return nil, err
	}
	if l.byID == nil {
		l.byID = map[string]*lease{}
	}
	if old := l.byID[q.ID]; old != nil {
		old.trace.Close()
	}
	begun := &lease{trace: trace}
	begun.end = time.AfterFunc(traceLease, func() { l.expire(q.ID, begun) })
	l.byID[q.ID] = begun
	return trace, nil
}

const maxTraceID = 64

// expire ends a trace for which no question has come in time.
func (l *leases) expire(id string, expired *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	expired.trace.Close()
	if l.byID[id] == expired {
		delete(l.byID, id)
	}
}

// stop ends a trace.
func (l *leases) stop(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[id]; known != nil {
		known.end.Stop()
		known.trace.Close()
		delete(l.byID, id)
	}
}

// close ends all traces, and refuses new ones.
func (l *leases) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for id, known := range l.byID {
		known.end.Stop()
		known.trace.Close()
		delete(l.byID, id)
	}
}
