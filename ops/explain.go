package ops

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Router is a [Source] that knows which peers get an event.
type Router interface {
	// Routes says for each peer whether an event of size bytes would be sent to it now,
	// and why. The namespace is open here.
	Routes(namespace string, to core.Target, size int) []core.PeerRoute
}

// Explanation says where an event for a room would go if it were emitted now.
type Explanation struct {
	Summary    string       `json:"summary"` // everything below, in a few sentences
	Namespace  string       `json:"namespace"`
	Room       string       `json:"room"`
	Except     []string     `json:"except,omitempty"` // rooms whose sockets do not get it
	From       string       `json:"from"`             // id of the server that emits the event
	Size       int          `json:"size"`             // of the event's payload, in bytes
	Sockets    int          `json:"sockets"`          // number of sockets that it is for, on all servers that have answered
	Reached    int          `json:"reached"`          // number of these sockets on servers that get it
	Frames     []FrameCost  `json:"frames"`           // the encoded frames, one for each codec
	LinkBytes  int          `json:"link_bytes"`       // bytes that all links together carry
	Servers    []ServerPlan `json:"servers"`          // first the server that emits it, then by id
	Unanswered []Unanswered `json:"unanswered"`
	AnsweredBy string       `json:"answered_by"`
	Time       time.Time    `json:"time"`
	Took       float64      `json:"took_ms"`
	Cut        bool         `json:"cut,omitempty"` // the emitting server has too many peers for its answer
}

// FrameCost is a frame that is encoded once, for all peers to which its codec is used.
type FrameCost struct {
	Codec string `json:"codec"`
	Bytes int    `json:"bytes"`
	Links int    `json:"links"` // number of links that it is written to
}

// ServerPlan says what would become of the event for one server.
type ServerPlan struct {
	ID        string  `json:"id"`
	Address   string  `json:"address"`
	Answered  bool    `json:"answered"` // Members and Writes are exact; otherwise they are unknown
	Open      bool    `json:"open"`     // the server says that it has the namespace open
	Members   int     `json:"members"`  // sockets in the room
	Writes    int     `json:"writes"`   // number of writes to sockets: members that are in none of the excluded rooms
	Outcome   Outcome `json:"outcome"`
	Reason    string  `json:"reason"` // a core.RouteReason, or "no-link", or "" for the server that emits
	Text      string  `json:"text"`   // outcome and reason as a sentence
	Reference bool    `json:"reference,omitempty"`

	// These describe its link, if the event takes one.
	Codec          string  `json:"codec,omitempty"`
	Bytes          int     `json:"bytes,omitempty"`
	RoundTrip      float64 `json:"round_trip_ms,omitempty"`
	QueuedMessages int     `json:"queued_messages"`
	QueuedBytes    int     `json:"queued_bytes"`
}

// Outcome says what becomes of an event for one server.
type Outcome string

// The outcomes.
const (
	OutcomeLocal   Outcome = "local"    // the server that emits
	OutcomeSent    Outcome = "sent"     // over the link
	OutcomeLeftOut Outcome = "left-out" // by interest: no socket on that server is in the room
	OutcomeKept    Outcome = "kept"     // there is no link; the event waits for the server to resume
	OutcomeLost    Outcome = "lost"     // there is no link, and the server does not get the event
)

// explainQuery is the question to each server. Only the server From is asked for Routes.
type explainQuery struct {
	Namespace string   `json:"namespace"`
	Room      string   `json:"room"`
	Except    []string `json:"except,omitempty"`
	From      string   `json:"from"`
	Size      int      `json:"size"`
}

// explained is a server's answer.
type explained struct {
	Address string       `json:"address"`
	Open    bool         `json:"open"`
	Members int          `json:"members"`
	Writes  int          `json:"writes"`
	Routes  []ServerPlan `json:"routes,omitempty"`
	Cut     bool         `json:"cut,omitempty"`
}

func (e *explained) shorten() bool {
	e.Cut = true
	return half(&e.Routes)
}

// The limits of what can be explained.
const (
	defaultEventSize = 256
	maxEventSize     = 1 << 20
	maxRoomName      = 4 << 10 // bytes of all names together
	maxExcept        = 16
)

// explain answers for this server.
func (h *Handler) explain(ctx context.Context, q explainQuery) (*explained, error) {
	e := &explained{Address: h.source.State().Advertise}
	for _, ns := range h.source.Namespaces() {
		if ns.Name != q.Namespace {
			continue
		}
		e.Open = true
		if ns.State != nil {
			e.Members, e.Writes = countMembers(ctx, ns.State, q.Room, q.Except)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if q.From != h.source.ID() {
		return e, nil
	}
	if !e.Open {
		return nil, &httpError{http.StatusNotFound, fmt.Errorf("namespace: %.64q is not open on %s", q.Namespace, q.From)}
	}
	router, ok := h.source.(Router)
	if !ok {
		return nil, &httpError{http.StatusNotImplemented, fmt.Errorf("%w: this node does not say where events go", core.ErrUnsupported)}
	}
	for _, r := range router.Routes(q.Namespace, core.Target{Rooms: []string{q.Room}, Except: q.Except}, min(max(q.Size, 0), maxEventSize)) {
		e.Routes = append(e.Routes, planOf(r))
	}
	return e, nil
}

// countMembers counts the sockets in a room, and those of them that are in none of the
// excepted rooms.
func countMembers(ctx context.Context, state core.StateReporter, room string, except []string) (members, writes int) {
	excepted := map[string]bool{}
	seen := 0
	goOn := func() bool {
		seen++
		return seen%1024 != 0 || ctx.Err() == nil
	}
	for _, other := range except {
		state.EachSocket(other, func(id string) bool {
			excepted[id] = true
			return goOn()
		})
	}
	state.EachSocket(room, func(id string) bool {
		members++
		if !excepted[id] {
			writes++
		}
		return goOn()
	})
	return members, writes
}

func planOf(r core.PeerRoute) ServerPlan {
	p := ServerPlan{
		ID: r.ID, Address: shown(r.Address), Reference: r.Reference, Reason: string(r.Reason), Outcome: OutcomeSent,
		Codec: r.Codec, Bytes: r.Bytes, RoundTrip: milliseconds(r.RoundTrip), QueuedMessages: r.QueuedMessages, QueuedBytes: r.QueuedBytes,
	}
	switch {
	case !r.Sent:
		p.Outcome = OutcomeLeftOut
	case !r.Suspended.IsZero():
		p.Outcome = OutcomeKept
	}
	return p
}

// reasonTexts explain why a server gets an event, or does not.
var reasonTexts = map[string]string{
	string(core.RouteAll):       "events go to all servers here (Routing: all)",
	string(core.RouteEverybody): "it is for all sockets",
	string(core.RouteSilent):    "that server does not tell of its rooms",
	string(core.RouteUntold):    "that server has not told of all its rooms yet",
	string(core.RouteStale):     "that server has not told what changed while there was no link",
	string(core.RouteMember):    "that server has told of members, or of a room that looks the same",
	string(core.RouteJoining):   "sockets there were asked to join it",
	string(core.RouteNoMember):  "that server has told of its rooms, and this is not among them",
	reasonNoLink:                "there is no link to it",
}

const reasonNoLink = "no-link"

func (p *ServerPlan) explain() {
	reason := cmp.Or(reasonTexts[p.Reason], p.Reason)
	switch p.Outcome {
	case OutcomeLocal:
		p.Text = "it is emitted here"
	case OutcomeLeftOut:
		p.Text = "left out: " + reason
	case OutcomeKept:
		p.Text = "no link at the moment; kept, for the server may resume: " + reason
	case OutcomeLost:
		p.Text = "not sent: " + reason
	default:
		p.Text = "sent: " + reason
	}
}

// serveExplain explains what an event for a room would do.
func (h *Handler) serveExplain(r *http.Request) (any, error) {
	began := time.Now()
	p, err := paramsOf(r, "namespace", "room", "except", "from", "size")
	if err != nil {
		return nil, err
	}
	q := explainQuery{
		Namespace: cmp.Or(p.text("namespace"), "/"), Room: p.text("room"), Except: p.values["except"],
		From: cmp.Or(p.text("from"), h.source.ID()), Size: p.number("size", defaultEventSize, maxEventSize),
	}
	names := len(q.Namespace) + len(q.Room) + len(strings.Join(q.Except, ""))
	switch {
	case q.Room == "":
		p.bad("room", "", "the name of a room")
	case names > maxRoomName:
		p.bad("room", q.Room, fmt.Sprintf("names of %d bytes together", maxRoomName))
	case len(q.Except) > maxExcept:
		p.bad("except", q.Except[maxExcept], fmt.Sprintf("at most %d of them", maxExcept))
	}
	if p.err != nil {
		return nil, p.err
	}
	own, err := h.explain(r.Context(), q)
	if err != nil {
		return nil, err
	}
	answers, unanswered, err := gather(r.Context(), h, question{Op: opExplain, Explain: &q}, own)
	if err != nil {
		return nil, err
	}
	e, err := explanationOf(q, answers, unanswered)
	if err != nil {
		return nil, err
	}
	e.AnsweredBy, e.Time, e.Took = h.source.ID(), time.Now(), milliseconds(time.Since(began))
	return e, nil
}

// explanationOf combines the answers of the servers.
func explanationOf(q explainQuery, answers []answerOf[*explained], unanswered []Unanswered) (*Explanation, error) {
	e := &Explanation{
		Namespace: shown(q.Namespace), Room: shown(q.Room), From: q.From, Size: q.Size,
		Frames: []FrameCost{}, Servers: []ServerPlan{}, Unanswered: append([]Unanswered{}, unanswered...),
	}
	for _, room := range q.Except {
		e.Except = append(e.Except, shown(room))
	}
	plans := map[string]*ServerPlan{}
	found := false
	for _, a := range answers {
		if a.node != q.From || a.value == nil {
			continue
		}
		found, e.Cut = true, a.value.Cut
		for _, plan := range a.value.Routes {
			plans[plan.ID] = &plan
		}
		plans[a.node] = &ServerPlan{ID: a.node, Outcome: OutcomeLocal}
	}
	if !found {
		return nil, fromUnknown(q.From, unanswered)
	}
	for _, a := range answers {
		if a.value == nil {
			continue
		}
		plan := plans[a.node]
		if plan == nil {
			plan = &ServerPlan{ID: a.node, Outcome: OutcomeLost, Reason: reasonNoLink}
			plans[a.node] = plan
		}
		plan.Answered, plan.Open, plan.Address = true, a.value.Open, shown(a.value.Address)
		plan.Members, plan.Writes = max(0, a.value.Members), max(0, a.value.Writes)
	}
	e.add(plans)
	e.summarise()
	return e, nil
}

// fromUnknown says why the emitting server has not answered.
func fromUnknown(from string, unanswered []Unanswered) error {
	for _, u := range unanswered {
		if u.ID == from {
			return &httpError{http.StatusBadGateway, fmt.Errorf("from: node %.64q: %s", from, u.Error)}
		}
	}
	return &httpError{http.StatusNotFound, fmt.Errorf("from: node %.64q: %w, there is no link to it from here, or it answers no questions", from, core.ErrNoServer)}
}

// add adds the plans, and sums up their costs.
func (e *Explanation) add(plans map[string]*ServerPlan) {
	frames := map[string]*FrameCost{}
	for _, p := range plans {
		p.explain()
		e.Servers = append(e.Servers, *p)
		e.Sockets += p.Writes
		if p.Outcome != OutcomeLost && p.Outcome != OutcomeLeftOut {
			e.Reached += p.Writes
		}
		if p.Outcome != OutcomeSent && p.Outcome != OutcomeKept || p.Bytes == 0 {
			continue
		}
		f := frames[p.Codec]
		if f == nil {
			f = &FrameCost{Codec: p.Codec, Bytes: p.Bytes}
			frames[p.Codec] = f
		}
		f.Links++
		e.LinkBytes += p.Bytes
	}
	for _, f := range frames {
		e.Frames = append(e.Frames, *f)
	}
	slices.SortFunc(e.Frames, func(a, b FrameCost) int { return cmp.Compare(a.Codec, b.Codec) })
	slices.SortFunc(e.Servers, func(a, b ServerPlan) int {
		first := func(p ServerPlan) int {
			if p.Outcome == OutcomeLocal {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.ID, b.ID))
	})
}

// Whole reports whether the event reaches all sockets that it is for, as far as servers can
// be asked, and all of these servers have answered.
func (e *Explanation) Whole() bool {
	for _, p := range e.Servers {
		reached := p.Outcome == OutcomeLocal || p.Outcome == OutcomeSent
		switch {
		case reached:
		case p.Writes > 0, p.Outcome == OutcomeKept && !p.Answered:
			return false
		}
	}
	return len(e.Unanswered) == 0 && !e.Cut
}

// summarise writes the summary.
func (e *Explanation) summarise() {
	with, counts := 0, map[Outcome]int{}
	for _, p := range e.Servers {
		counts[p.Outcome]++
		if p.Writes > 0 && (p.Outcome == OutcomeLocal || p.Outcome == OutcomeSent || p.Outcome == OutcomeKept) {
			with++
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "An emit to %q from %s reaches %s on %d of %s", e.Room, e.From, count(e.Reached, "socket"), with, count(len(e.Servers), "server"))
	if n := counts[OutcomeLeftOut]; n > 0 {
		fmt.Fprintf(&s, "; %d left out, for they have no member", n)
	}
	if n := counts[OutcomeKept]; n > 0 {
		fmt.Fprintf(&s, "; kept for %d that may resume", n)
	}
	if n := counts[OutcomeLost]; n > 0 {
		fmt.Fprintf(&s, "; %d without a link", n)
	}
	s.WriteString(". ")
	if missed := e.Sockets - e.Reached; missed > 0 {
		fmt.Fprintf(&s, "%s NOT reached. ", count(missed, "socket is|sockets are"))
	}
	if n := len(e.Unanswered); n > 0 {
		fmt.Fprintf(&s, "%s not answered. ", count(n, "server has|servers have"))
	}
	if len(e.Frames) == 0 {
		s.WriteString("Nothing is sent to other servers.")
		e.Summary = s.String()
		return
	}
	var parts []string
	links := 0
	for _, f := range e.Frames {
		parts = append(parts, fmt.Sprintf("%s of %d B", f.Codec, f.Bytes))
		links += f.Links
	}
	fmt.Fprintf(&s, "With a payload of %d B it is encoded %s (%s), and %s %d B.",
		e.Size, times(len(parts)), strings.Join(parts, ", "), count(links, "link carries|links carry"), e.LinkBytes)
	e.Summary = s.String()
}

// count writes a number with its noun. forms is the singular, or "singular|plural" if the
// plural is irregular.
func count(n int, forms string) string {
	one, many, both := strings.Cut(forms, "|")
	switch {
	case n == 1:
		return "1 " + one
	case both:
		return fmt.Sprintf("%d %s", n, many)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
