package ops

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// collector combines what all nodes see of messages. It asks each node repeatedly, also for
// the arrival of messages that others say they have sent to it. It is used by one
// goroutine.
type collector struct {
	h        *Handler
	question traceQuestion
	began    time.Time

	nodes    map[string]*tracedNode
	messages map[messageID]*pending
	early    map[messageID]*earlyNews // what was reported of messages that are not known yet
	order    []messageID              // ids in the order in which the messages came
	lost     uint64

	told   TraceStatus
	toldAt time.Time
}

// messageID identifies a message of any node.
type messageID struct {
	node   string
	number uint64
}

// tracedNode is a node that is asked.
type tracedNode struct {
	clock   nodeClock
	find    map[core.TracePosition]copyID // arrivals to ask it for
	skipped uint64
	lost    uint64
	failed  string    // why it is not traced; "" if it is
	again   time.Time // when to ask it again after that
	address string
}

// earlyNews are reports that have come before their message.
type earlyNews struct {
	sends    []core.TracedSend
	releases []core.TracedRelease
	since    time.Time
}

// copyID identifies the copy of a message for one server.
type copyID struct {
	messageID
	to string
}

// pending is a message of which some hops are not complete.
type pending struct {
	core.TracedMessage
	hops  map[string]*hop
	since time.Time
}

type hop struct {
	state             HopState
	codec             string
	bytes             int
	released, sent    int64 // on the sender's clock
	received, handled int64 // on the receiver's clock
	find              core.TracePosition
}

// The limits of a collector.
const (
	tracePatience   = 1500 * time.Millisecond // how long a message waits for its hops to be complete
	maxTracePending = 1 << 13
	traceRetry      = 2 * time.Second // after how long a node that has failed is asked again
	maxTraceFind    = 20 << 10        // bytes of positions in a question
	maxTraceEarly   = 1 << 10
)

func newCollector(h *Handler, q traceQuestion) *collector {
	return &collector{
		h: h, question: q, began: time.Now(),
		nodes: map[string]*tracedNode{}, messages: map[messageID]*pending{}, early: map[messageID]*earlyNews{},
	}
}

// node returns what is known of a node, and adds it if it is new.
func (c *collector) node(id string) *tracedNode {
	n := c.nodes[id]
	if n == nil {
		n = &tracedNode{find: map[core.TracePosition]copyID{}}
		c.nodes[id] = n
	}
	return n
}

// toldOf is a node's answer, and when it was asked.
type toldOf struct {
	id        string
	asked, by time.Duration // since the collector began
	answer    *traceAnswer
	err       error
}

var errReferenceNode = errors.New("it is a reference node")

// poll asks all nodes once. It returns the error of this node.
func (c *collector) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, min(c.h.o.Timeout, time.Second), errors.New("no answer in time"))
	defer cancel()
	peers := c.h.source.Stats().Peers
	answers := make([]toldOf, 1+len(peers))
	var asked sync.WaitGroup
	for i, p := range peers {
		n := c.node(p.ID)
		n.address = p.Address
		switch {
		case p.Reference:
			answers[1+i] = toldOf{id: p.ID, err: errReferenceNode}
			continue
		case time.Now().Before(n.again):
			answers[1+i] = toldOf{id: p.ID}
			continue
		}
		q := c.questionFor(p.ID)
		asked.Go(func() { answers[1+i] = c.ask(ctx, p.ID, q) })
	}
	own := c.questionFor(c.h.source.ID())
	answers[0] = toldOf{id: c.h.source.ID(), asked: time.Since(c.began)}
	answers[0].answer, answers[0].err = c.h.trace(ctx, own)
	answers[0].by = time.Since(c.began)
	asked.Wait()
	if err := answers[0].err; err != nil {
		return err
	}
	for id := range c.nodes { // remove nodes that have left
		if !slices.ContainsFunc(answers, func(a toldOf) bool { return a.id == id }) {
			delete(c.nodes, id)
		}
	}
	for _, a := range answers {
		c.take(a)
	}
	return nil
}

// ask asks another node.
func (c *collector) ask(ctx context.Context, id string, q traceQuestion) toldOf {
	told := toldOf{id: id, asked: time.Since(c.began)}
	text, err := json.Marshal(question{Op: opTrace, Trace: &q})
	if err == nil {
		text, err = c.h.source.Ask(ctx, id, text)
	}
	told.by = time.Since(c.began)
	if err == nil {
		told.answer = new(traceAnswer)
		err = json.Unmarshal(text, told.answer)
	}
	told.err = err
	return told
}

// questionFor returns the question for a node, which also asks for arrivals there.
func (c *collector) questionFor(id string) traceQuestion {
	q := c.question
	n := c.node(id)
	groups := map[[2]any]int{}
	size := 0
	for p := range n.find {
		key := [2]any{p.Session, p.Sequence}
		i, known := groups[key]
		if !known {
			i = len(q.Find)
			groups[key] = i
			q.Find = append(q.Find, positionGroup{Session: p.Session, Sequence: p.Sequence})
			size += len(p.Session) + 48
		}
		q.Find[i].Positions = append(q.Find[i].Positions, p.Position)
		if size += 21; size > maxTraceFind {
			break
		}
	}
	return q
}

// take handles an answer.
func (c *collector) take(a toldOf) {
	n := c.node(a.id)
	switch {
	case a.err != nil:
		n.failed, n.again = a.err.Error(), time.Now().Add(traceRetry)
		return
	case a.answer == nil: // it was not asked, because it has failed before
		return
	}
	n.failed = ""
	n.clock.sample(a.asked, a.by, a.answer.Now)
	n.skipped, n.lost = a.answer.Skipped, a.answer.Lost
	c.lost += uint64(max(0, a.answer.Cut))
	for _, m := range a.answer.Messages {
		c.addMessage(messageID{a.id, m.Number}, m)
	}
	for _, r := range a.answer.Releases { // before the sends, which follow the releases
		c.addRelease(messageID{a.id, r.Number}, r)
	}
	for _, s := range a.answer.Sends {
		c.addSend(messageID{a.id, s.Number}, s)
	}
	for _, arrival := range a.answer.Arrivals {
		c.addArrival(n, arrival)
	}
}

func (c *collector) addMessage(id messageID, m core.TracedMessage) {
	if c.messages[id] != nil || len(c.messages) >= maxTracePending || len(m.Copies) > core.TraceCopies {
		c.lost++
		return
	}
	p := &pending{TracedMessage: m, hops: map[string]*hop{}, since: time.Now()}
	for _, copied := range m.Copies {
		if c.question.Peer != "" && c.question.Peer != id.node && c.question.Peer != copied.Peer {
			continue
		}
		state := HopDropped
		switch copied.State {
		case core.CopyQueued:
			state = HopQueued
		case core.CopyWithheld:
			state = HopWithheld
		case core.CopyLeftOut:
			state = HopLeftOut
		}
		p.hops[copied.Peer] = &hop{state: state}
	}
	c.messages[id] = p
	c.order = append(c.order, id)
	if early := c.early[id]; early != nil {
		delete(c.early, id)
		for _, r := range early.releases {
			c.addRelease(id, r)
		}
		for _, s := range early.sends {
			c.addSend(id, s)
		}
	}
}

// earlyOf returns the early reports of a message that is not known yet; nil if there are
// too many.
func (c *collector) earlyOf(id messageID) *earlyNews {
	early := c.early[id]
	if early == nil && len(c.early) < maxTraceEarly {
		early = &earlyNews{since: time.Now()}
		c.early[id] = early
	}
	return early
}

// addRelease notes that a copy is no longer withheld. A copy that cannot be queued after
// its release is reported a second time.
func (c *collector) addRelease(id messageID, r core.TracedRelease) {
	p := c.messages[id]
	if p == nil {
		if early := c.earlyOf(id); early != nil && len(early.releases) < 2*core.TraceCopies {
			early.releases = append(early.releases, r)
		}
		return
	}
	to := p.hops[r.Peer]
	if to == nil || to.state != HopWithheld && to.state != HopQueued {
		return
	}
	to.released = r.At
	switch r.State {
	case core.CopyQueued:
		to.state = HopQueued
	case core.CopyLeftOut:
		to.state = HopLeftOut
	default:
		to.state = HopDropped
	}
}

func (c *collector) addSend(id messageID, s core.TracedSend) {
	p := c.messages[id]
	if p == nil {
		if early := c.earlyOf(id); early != nil && len(early.sends) < core.TraceCopies {
			early.sends = append(early.sends, s)
		}
		return
	}
	to := p.hops[s.Peer]
	if to == nil || to.state != HopQueued {
		return
	}
	to.state, to.codec, to.bytes, to.sent = HopSent, s.Codec, s.Bytes, s.At
	if s.Position.Session != "" {
		to.find = s.Position
		if n := c.nodes[s.Peer]; n != nil {
			n.find[s.Position] = copyID{id, s.Peer}
		}
	}
}

func (c *collector) addArrival(n *tracedNode, a core.TraceArrival) {
	id, wanted := n.find[a.TracePosition]
	p := c.messages[id.messageID]
	if !wanted || p == nil {
		return
	}
	to := p.hops[id.to]
	to.received, to.handled = a.Received, a.Handled
	switch {
	case a.Handled != 0:
		to.state = HopHandled
	default:
		to.state = HopReceived
	}
	if to.isDone(p.Kind) {
		delete(n.find, a.TracePosition)
	}
}

// isDone reports whether the hop is complete: nothing more will be known of it.
func (h *hop) isDone(kind core.Kind) bool {
	switch h.state {
	case HopQueued, HopWithheld:
		return false
	case HopSent:
		return h.find.Session == ""
	case HopReceived:
		return kind.IsResponse() || kind == core.KindInitialHeartbeat || kind == core.KindHeartbeat || kind == core.KindAdapterClose
	}
	return true
}

// lines returns the messages whose hops are complete, or that have waited for too long, and
// the status if it is due.
func (c *collector) lines(now time.Time) []TraceLine {
	var lines []TraceLine
	rest := c.order[:0]
	for _, id := range c.order {
		p := c.messages[id]
		done := now.Sub(p.since) > tracePatience
		if !done {
			done = true
			for to, hop := range p.hops {
				n := c.nodes[to]
				done = done && (hop.isDone(p.Kind) || n == nil || n.failed != "" && hop.state != HopQueued && hop.state != HopWithheld)
			}
		}
		if !done {
			rest = append(rest, id)
			continue
		}
		lines = append(lines, TraceLine{Message: c.show(id, p)})
		c.forget(id, p)
	}
	clear(c.order[len(rest):])
	c.order = rest
	for id, early := range c.early {
		if now.Sub(early.since) > tracePatience {
			delete(c.early, id)
		}
	}
	return c.withStatus(lines, now)
}

// forget drops a message.
func (c *collector) forget(id messageID, p *pending) {
	delete(c.messages, id)
	for to, hop := range p.hops {
		if n := c.nodes[to]; n != nil {
			delete(n.find, hop.find)
		}
	}
}

// show returns a message with its hops.
func (c *collector) show(id messageID, p *pending) *TraceMessage {
	from := c.clockOf(id.node)
	m := &TraceMessage{
		Time: c.began.Add(from.here(p.At)).UTC(), From: id.node, Kind: p.Kind.String(), Namespace: shown(p.Namespace),
		RoomCount: p.RoomCount, Event: shown(p.Event), Request: shown(p.Request), Bytes: p.Bytes, Hops: []TraceHop{}, MoreHops: p.MoreCopies,
	}
	for _, room := range p.Rooms[:min(len(p.Rooms), core.TraceRooms)] {
		m.Rooms = append(m.Rooms, shown(room))
	}
	for to, hop := range p.hops {
		m.Hops = append(m.Hops, hop.show(to, p.At, from, c.clockOf(to)))
	}
	slices.SortFunc(m.Hops, func(a, b TraceHop) int { return cmp.Compare(a.To, b.To) })
	return m
}

func (c *collector) clockOf(id string) *nodeClock {
	if n := c.nodes[id]; n != nil {
		return &n.clock
	}
	return &nodeClock{}
}

// show returns a hop. What is measured with two clocks is as accurate as their difference
// is known.
func (h *hop) show(to string, published int64, from, there *nodeClock) TraceHop {
	s := TraceHop{To: to, State: h.state, Codec: h.codec, Bytes: h.bytes}
	if h.released != 0 {
		s.Withheld = microseconds(time.Duration(h.released - published))
		published = h.released
	}
	if h.sent != 0 {
		s.Queue = microseconds(time.Duration(h.sent - published))
	}
	if h.received == 0 {
		return s
	}
	s.Hop = microseconds(there.here(h.received) - from.here(h.sent))
	s.Accuracy = *microseconds(from.accuracy + there.accuracy)
	if h.handled != 0 {
		s.Handle = microseconds(time.Duration(h.handled - h.received))
	}
	return s
}

// microseconds returns a duration for JSON, at least 0: a message does not arrive before it
// is sent.
func microseconds(d time.Duration) *float64 {
	return new(float64(max(0, d).Round(100*time.Nanosecond)) / float64(time.Microsecond))
}

// withStatus adds the status, if it has changed or is due.
func (c *collector) withStatus(lines []TraceLine, now time.Time) []TraceLine {
	s := c.status(now)
	changed := s.Nodes != c.told.Nodes || s.Lost != c.told.Lost || len(s.Untraced) != len(c.told.Untraced)
	if !changed && now.Sub(c.toldAt) < traceStatusEvery {
		return lines
	}
	c.told, c.toldAt = s, now
	return append(lines, TraceLine{Status: &s})
}

func (c *collector) status(now time.Time) TraceStatus {
	s := TraceStatus{Time: now.UTC(), Lost: c.lost, Untraced: []Unanswered{}}
	for id, n := range c.nodes {
		s.Skipped += n.skipped
		s.Lost += n.lost
		if n.failed != "" {
			s.Untraced = append(s.Untraced, Unanswered{id, shown(n.address), shown(n.failed)})
			continue
		}
		s.Nodes++
	}
	slices.SortFunc(s.Untraced, func(a, b Unanswered) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// last returns the remaining messages, and a status that says why the stream ends.
func (c *collector) last(why error) []TraceLine {
	var lines []TraceLine
	for _, id := range c.order {
		lines = append(lines, TraceLine{Message: c.show(id, c.messages[id])})
	}
	s := c.status(time.Now())
	s.End = shown(why.Error())
	return append(lines, TraceLine{Status: &s})
}

// stop ends the traces of all nodes. Traces of nodes that it cannot reach end by
// themselves.
func (c *collector) stop() {
	q := traceQuestion{ID: c.question.ID, Stop: true}
	c.h.leases.stop(q.ID)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.h.ctx), 200*time.Millisecond)
	defer cancel()
	var asked sync.WaitGroup
	for id, n := range c.nodes {
		if id != c.h.source.ID() && n.failed == "" {
			asked.Go(func() { c.ask(ctx, id, q) })
		}
	}
	asked.Wait()
}

// nodeClock is the difference between a node's clock and this one's. A node sends its time
// in each answer: that was at some moment between the question and the answer, so the
// difference is known to within half of the round trip. The quickest of the last round
// trips counts.
type nodeClock struct {
	known    bool
	offset   time.Duration // to the time since the collector began
	accuracy time.Duration
	at       time.Duration
}

// drift is how fast the clocks of two machines drift apart at most, as a fraction of the
// time that has passed: more than quartz does.
const drift = 100e-6

func (c *nodeClock) sample(asked, by time.Duration, now int64) {
	accuracy := (by - asked) / 2
	if c.known && accuracy > c.accuracy+time.Duration(float64(by-c.at)*drift) {
		return
	}
	*c = nodeClock{known: true, offset: time.Duration(now) - (asked + accuracy), accuracy: accuracy, at: by}
}

// here converts a time of the node to the time since the collector began.
func (c *nodeClock) here(at int64) time.Duration { return time.Duration(at) - c.offset }
