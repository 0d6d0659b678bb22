package ops

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
)

// TraceLine is a line of the stream of GET /api/v1/trace: a message or the state of the
// trace. Exactly one of the two is set.
type TraceLine struct {
	Message *TraceMessage `json:"message,omitempty"`
	Status  *TraceStatus  `json:"status,omitempty"`
}

// TraceMessage is a message that has passed. Of its content, only the name of the event is
// shown.
type TraceMessage struct {
	Time      time.Time  `json:"time"` // when it was published, by the clock of the server that traces
	From      string     `json:"from"` // id
	Kind      string     `json:"kind"`
	Namespace string     `json:"namespace"`
	Rooms     []string   `json:"rooms,omitempty"`      // the first few rooms that it names
	RoomCount int        `json:"room_count,omitempty"` // number of all rooms that it names
	Event     string     `json:"event,omitempty"`
	Request   string     `json:"request,omitempty"` // id of the request that it makes or answers
	Bytes     int        `json:"bytes"`             // size of its payload
	Hops      []TraceHop `json:"hops"`              // one for each server, by id
	MoreHops  int        `json:"more_hops,omitempty"`
}

// TraceHop is the way of a message to one server. Unknown times are absent.
type TraceHop struct {
	To    string   `json:"to"` // id of the server
	State HopState `json:"state"`
	Codec string   `json:"codec,omitempty"`
	Bytes int      `json:"bytes,omitempty"` // size of its frame
	// Withheld is how long the message was withheld by interest, before it was sent after
	// all or left out. Queue is the time from its publication, or release, until it was
	// handed to the link. Hop is the time from there until the other server had it, and
	// Handle the time until that server had acted upon it.
	Withheld *float64 `json:"withheld_us,omitempty"`
	Queue    *float64 `json:"queue_us,omitempty"`
	Hop      *float64 `json:"hop_us,omitempty"`
	Handle   *float64 `json:"handle_us,omitempty"`
	// Accuracy is the possible error of Hop, because the servers' clocks differ.
	Accuracy float64 `json:"accuracy_us,omitempty"`
}

// HopState is how far a message has come.
type HopState string

// The states. The last ones are final.
const (
	HopWithheld HopState = "withheld" // by interest, until the other server has reported earlier joins
	HopQueued   HopState = "queued"   // it waits for the link
	HopSent     HopState = "sent"     // it is unknown whether it has arrived
	HopReceived HopState = "received" // it is an answer, or waits to be acted upon
	HopHandled  HopState = "handled"
	HopLeftOut  HopState = "left-out" // by interest
	HopDropped  HopState = "dropped"
)

// TraceStatus is the state of a trace. It is sent at the beginning, at each change, and
// every few seconds.
type TraceStatus struct {
	Time     time.Time    `json:"time"`
	Nodes    int          `json:"nodes"`         // number of traced nodes
	Skipped  uint64       `json:"skipped"`       // messages beyond the rate
	Lost     uint64       `json:"lost"`          // messages, or reports about them, that exceeded the limits
	Untraced []Unanswered `json:"untraced"`      // servers that are not traced
	End      string       `json:"end,omitempty"` // why this is the last line
}

// The limits of traces.
const (
	defaultTraceRate = 10 // messages per second and node
	maxTraceRate     = 1000
	maxTraceTime     = time.Hour
	maxTraceStreams  = 2 // per handler: fewer than a node's traces, so that other nodes get some
	traceEvery       = 250 * time.Millisecond
	traceStatusEvery = 2 * time.Second
	traceWriteTime   = 3 * time.Second // the time to write a line; below traceLease
	maxTraceFilter   = 1 << 10         // bytes of names
)

var errTooManyTraces = &httpError{http.StatusServiceUnavailable, errors.New("too many traces at once")}

// kindsByName are the kinds of messages that can be traced.
var kindsByName = func() map[string]core.Kind {
	kinds := map[string]core.Kind{}
	for k := core.Kind(1); k.Valid(); k++ {
		kinds[k.String()] = k
	}
	return kinds
}()

// traceRequest are the parameters of a stream.
type traceRequest struct {
	question traceQuestion
	end      time.Duration
}

func traceRequestOf(r *http.Request) (t traceRequest, err error) {
	p, err := paramsOf(r, "kind", "namespace", "room", "peer", "rate", "for")
	if err != nil {
		return t, err
	}
	q := traceQuestion{
		ID: rand.Text(), Namespace: p.text("namespace"), Room: p.text("room"), Peer: p.text("peer"),
		Rate: p.number("rate", defaultTraceRate, maxTraceRate),
	}
	for _, list := range p.values["kind"] {
		for name := range strings.SplitSeq(list, ",") {
			kind, known := kindsByName[name]
			if !known {
				p.bad("kind", name, strings.Join(kindNames(), ", "))
			} else if !slices.Contains(q.Kinds, kind) {
				q.Kinds = append(q.Kinds, kind)
			}
		}
	}
	if len(q.Namespace)+len(q.Room)+len(q.Peer) > maxTraceFilter {
		p.bad("room", q.Room, fmt.Sprintf("names of %d bytes together", maxTraceFilter))
	}
	t = traceRequest{question: q, end: p.duration("for", maxTraceTime, maxTraceTime)}
	return t, p.err
}

func kindNames() []string {
	names := make([]string, 0, len(kindsByName))
	for name := range kindsByName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// serveTrace streams messages as they pass, as lines of JSON, until the client disconnects,
// the time is over or the handler closes.
func (h *Handler) serveTrace(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // the mux also routes HEAD here, which would never end
		fail(w, http.StatusMethodNotAllowed, errors.New("want GET"))
		return
	}
	request, err := traceRequestOf(r)
	if err != nil {
		fail(w, statusOf(err), err)
		return
	}
	select {
	case h.traceSlots <- struct{}{}:
		defer func() { <-h.traceSlots }()
	default:
		h.busy.Add(1)
		w.Header().Set("Retry-After", "1")
		fail(w, errTooManyTraces.status, errTooManyTraces)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(h.ctx, func() { cancel(errors.New("the server stops")) })()
	deadline := time.AfterFunc(request.end, func() { cancel(errTraceOver) })
	defer deadline.Stop()

	c := newCollector(h, request.question)
	defer c.stop()
	if err := c.poll(ctx); err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would buffer lines
	out := &traceWriter{w: w, to: http.NewResponseController(w)}
	ticker := time.NewTicker(traceEvery)
	defer ticker.Stop()
	for {
		if err := out.write(c.lines(time.Now())); err != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			_ = out.write(c.last(context.Cause(ctx)))
			return
		}
		if why := h.authorise(r); why != "" {
			_ = out.write(c.last(errors.New(why)))
			return
		}
		if err := c.poll(ctx); err != nil && ctx.Err() == nil {
			_ = out.write(c.last(err))
			return
		}
	}
}

var errTraceOver = errors.New("the time is over")

// traceWriter writes lines to a client, which has to read them in time.
type traceWriter struct {
	w  http.ResponseWriter
	to *http.ResponseController
}

func (t *traceWriter) write(lines []TraceLine) error {
	if len(lines) == 0 {
		return nil
	}
	_ = t.to.SetWriteDeadline(time.Now().Add(traceWriteTime)) // not every ResponseWriter supports it
	var text []byte
	for i := range lines {
		line, err := json.Marshal(&lines[i])
		if err != nil {
			return err
		}
		text = append(append(text, line...), '\n')
	}
	if _, err := t.w.Write(text); err != nil {
		return err
	}
	return t.to.Flush()
}
