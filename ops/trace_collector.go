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

// collector puts together what all nodes see of messages. It asks each node again and
// again, also for when it has got the messages of which others have told that they sent
// them to it. One goroutine uses it.
type collector struct {
	h        *Handler
	question traceQuestion
	began    time.Time

	nodes    map[string]*tracedNode
	messages map[messageID]*pending
	early    map[messageID]*earlyNews // of messages that are still to come
	order    []messageID              // of messages
	lost     uint64

	told   TraceStatus
	toldAt time.Time
}

// messageID is a message of any node.
type messageID struct {
	node   string
	number uint64
}

// tracedNode is a node that is asked.
type tracedNode struct {
	clock   nodeClock
	find    map[core.TracePosition]copyID // that it is asked for
	skipped uint64
	lost    uint64
	failed  string    // why it is not traced
	again   time.Time // when it is asked again after that
	address string
}

// earlyNews have come before their message.
type earlyNews struct {
	sends    []core.TracedSend
	releases []core.TracedRelease
	since    time.Time
}

// copyID is a copy of a message.
type copyID struct {
	messageID
	to string
}

// pending is a message whose hops are not all known.
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
	received, handled int64 // on the receiver's
	find              core.TracePosition
}

// The bounds of what a collector keeps.
const (
	tracePatience   = 1500 * time.Millisecond // how long a message waits for what becomes of it
	maxTracePending = 1 << 13
	traceRetry      = 2 * time.Second // until a node that has failed is asked again
	maxTraceFind    = 20 << 10        // bytes of positions in a question
	maxTraceEarly   = 1 << 10
)

func newCollector(h *Handler, q traceQuestion) *collector {
	return &collector{
		h: h, question: q, began: time.Now(),
		nodes: map[string]*tracedNode{}, messages: map[messageID]*pending{}, early: map[messageID]*earlyNews{},
	}
}

// node is what is known of a node.
func (c *collector) node(id string) *tracedNode {
	n := c.nodes[id]
	if n == nil {
		n = &tracedNode{find: map[core.TracePosition]copyID{}}
		c.nodes[id] = n
	}
	return n
}

// told is what a node has answered, and when it was asked.
type toldOf struct {
	id        string
	asked, by time.Duration // since the collector began
	answer    *traceAnswer
	err       error
}

var errReferenceNode = errors.New("it is a reference node")

// poll asks all nodes once. The error is this node's.
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
	for id := range c.nodes { // those that have gone
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

// questionFor is what a node is asked: for what has arrived there, too.
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

// take enters an answer.
func (c *collector) take(a toldOf) {
	n := c.node(a.id)
	switch {
	case a.err != nil:
		n.failed, n.again = a.err.Error(), time.Now().Add(traceRetry)
		return
	case a.answer == nil: // it was not asked, for it has failed to answer
		return
	}
	n.failed = ""
	n.clock.sample(a.asked, a.by, a.answer.Now)
	n.skipped, n.lost = a.answer.Skipped, a.answer.Lost
	c.lost += uint64(max(0, a.answer.Cut))
	for _, m := range a.answer.Messages {
		c.addMessage(messageID{a.id, m.Number}, m)
	}
	for _, r := range a.answer.Releases { // before what is sent then
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

// earlyOf is what has come of a message that is still to come; nil if that is too much.
func (c *collector) earlyOf(id messageID) *earlyNews {
	early := c.early[id]
	if early == nil && len(c.early) < maxTraceEarly {
		early = &earlyNews{since: time.Now()}
		c.early[id] = early
	}
	return early
}

// addRelease enters that a copy is withheld no more. One that could not be queued then has
// two of them.
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

// isDone tells whether no more of it will be known.
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

// lines are the messages of which enough is known, or that have waited for long, and the
// status if it is due.
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

// show is a message with its hops.
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

// show is a hop. What is measured with two clocks is as accurate as it is known how they
// differ.
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

// microseconds shows a duration, which is not negative: a message does not arrive before it
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

// last is what is left to be told at the end, and why it is.
func (c *collector) last(why error) []TraceLine {
	var lines []TraceLine
	for _, id := range c.order {
		lines = append(lines, TraceLine{Message: c.show(id, c.messages[id])})
	}
	s := c.status(time.Now())
	s.End = shown(why.Error())
	return append(lines, TraceLine{Status: &s})
}

// stop ends the traces of all nodes. Those that do not hear it end by themselves.
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

// nodeClock is how a node's clock differs from this one's. A node tells its time in each
// answer: it was that at some moment between the question and the answer, so that the
// difference is known within half of what the round took. The quickest of the last rounds
// counts.
type nodeClock struct {
	known    bool
	offset   time.Duration // from the time since the collector began
	accuracy time.Duration
	at       time.Duration
}

// drift is how fast the clocks of two machines run apart at most, as a part of the time
// that has passed: more than quartz does.
const drift = 100e-6

func (c *nodeClock) sample(asked, by time.Duration, now int64) {
	accuracy := (by - asked) / 2
	if c.known && accuracy > c.accuracy+time.Duration(float64(by-c.at)*drift) {
		return
	}
	*c = nodeClock{known: true, offset: time.Duration(now) - (asked + accuracy), accuracy: accuracy, at: by}
}

// here is a time of the node, since the collector began.
func (c *nodeClock) here(at int64) time.Duration { return time.Duration(at) - c.offset }
