package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// maxTraces is the number of traces that a node may run at once. A frame's tag has a bit
// for each.
const maxTraces = 4

var errTraces = errors.New("too many traces of this node run already")

// traces holds the traces of a node. While there is none, a message pays for one load of
// a pointer.
type traces struct {
	running atomic.Pointer[tracing] // nil if there is none; replaced, never changed
	numbers atomic.Uint64           // number of messages that were traced

	mu sync.Mutex // held to change running
}

// tracing is the set of running traces, and what they share.
type tracing struct {
	list     []*trace
	arrivals *arrivals
}

// trace is a [core.Trace].
type trace struct {
	node   *Node
	filter core.TraceFilter
	bit    uint64 // its bit in the tags of frames

	mu      sync.Mutex
	bucket  tokenBucket
	read    core.TraceRead
	skipped uint64
	lost    uint64
}

var _ core.Trace = (*trace)(nil)

// Trace begins to record messages that this node sends and receives and that fit the
// filter. Of those that it sends, it records at most rate per second.
func (n *Node) Trace(filter core.TraceFilter, rate int) (core.Trace, error) {
	n.traces.mu.Lock()
	defer n.traces.mu.Unlock()
	next := &tracing{arrivals: newArrivals()}
	used := uint64(0)
	if now := n.traces.running.Load(); now != nil {
		next.list, next.arrivals = slices.Clone(now.list), now.arrivals
		for _, t := range now.list {
			used |= t.bit
		}
	}
	if len(next.list) >= maxTraces {
		return nil, fmt.Errorf("%w: %d of them", errTraces, maxTraces)
	}
	t := &trace{node: n, filter: filter, bit: 1 << bits.TrailingZeros64(^used), bucket: newTokenBucket(rate)}
	next.list = append(next.list, t)
	n.traces.running.Store(next)
	return t, nil
}

// Close ends the trace. When the last one ends, nothing is recorded any more.
func (t *trace) Close() {
	ts := &t.node.traces
	ts.mu.Lock()
	defer ts.mu.Unlock()
	now := ts.running.Load()
	if now == nil || !slices.Contains(now.list, t) {
		return
	}
	next := &tracing{arrivals: now.arrivals}
	for _, other := range now.list {
		if other != t {
			next.list = append(next.list, other)
		}
	}
	if len(next.list) == 0 {
		next = nil
	}
	ts.running.Store(next)
}

func (t *trace) Now() int64 { return t.node.clock.now() }

func (t *trace) Read() core.TraceRead {
	t.mu.Lock()
	defer t.mu.Unlock()
	read := t.read
	read.Skipped, read.Lost = t.skipped, t.lost
	t.read = core.TraceRead{}
	return read
}

func (t *trace) Arrivals(of []core.TracePosition) []core.TraceArrival {
	now := t.node.traces.running.Load()
	if now == nil {
		return nil
	}
	return now.arrivals.find(of)
}

// addMessage records a message for the next Read.
func (t *trace) addMessage(m core.TracedMessage) {
	keep(t, &t.read.Messages, core.TraceMessages, m)
}

func (t *trace) addSend(s core.TracedSend) {
	keep(t, &t.read.Sends, core.TraceSends, s)
}

func (t *trace) addRelease(r core.TracedRelease) {
	keep(t, &t.read.Releases, core.TraceSends, r)
}

// keep appends v to one of the lists for the next Read, unless the list is full.
func keep[T any](t *trace, list *[]T, most int, v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(*list) >= most {
		t.lost++
		return
	}
	*list = append(*list, v)
}

// wants reports whether a message fits the filter, apart from the two nodes.
func (t *trace) wants(m *core.Message) bool {
	f := &t.filter
	switch {
	case len(f.Kinds) > 0 && !slices.Contains(f.Kinds, m.Kind):
	case f.Namespace != "" && f.Namespace != m.Namespace:
	case f.Room != "" && !slices.Contains(m.To.Rooms, f.Room) && !slices.Contains(m.Rooms, f.Room):
	default:
		return true
	}
	return false
}

// passes reports whether the rate allows one more message now.
func (t *trace) passes(now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bucket.take(now) {
		return true
	}
	t.skipped++
	return false
}

// tokenBucket lets perSecond messages through per second, and as many at once.
type tokenBucket struct {
	perSecond float64
	tokens    float64
	at        int64 // when tokens was computed, in ns
}

func newTokenBucket(rate int) tokenBucket {
	return tokenBucket{perSecond: float64(rate), tokens: float64(rate)}
}

func (b *tokenBucket) take(now int64) bool {
	if b.at == 0 {
		b.at = now
	}
	b.tokens = min(b.perSecond, b.tokens+b.perSecond*float64(now-b.at)/1e9)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// published is a message that is being published and that a trace shows. Methods of nil
// do nothing.
type published struct {
	node *Node
	to   []*trace
	tag  uint64 // of its frames: the message's number, and the bits of the traces
	info core.TracedMessage
}

// tagBits is the number of bits in a tag that are for traces.
const tagBits = 8

// traced is called for each message that is published. It returns nil if no trace shows
// the message.
func (n *Node) traced(m *core.Message, to []*peer) *published {
	running := n.traces.running.Load()
	if running == nil {
		return nil
	}
	return running.begin(n, m, to)
}

func (ts *tracing) begin(n *Node, m *core.Message, to []*peer) *published {
	var p *published
	for _, t := range ts.list {
		now := n.clock.now()
		if !t.wants(m) || !t.isBetween(n, to) || !t.passes(now) {
			continue
		}
		if p == nil {
			p = &published{node: n, tag: n.traces.numbers.Add(1) << tagBits, info: describe(m, now)}
			p.info.Number = p.tag >> tagBits
		}
		p.to = append(p.to, t)
		p.tag |= t.bit
	}
	return p
}

// isBetween reports whether the filter's peer is this node or one of these peers.
func (t *trace) isBetween(n *Node, peers []*peer) bool {
	id := t.filter.Peer
	return id == "" || id == n.id || slices.ContainsFunc(peers, func(p *peer) bool { return p.id == id })
}

// describe returns what a trace may show of a message: nothing of its payload, except the
// name of an event.
func describe(m *core.Message, now int64) core.TracedMessage {
	rooms := m.To.Rooms
	if m.Kind.NeedsRooms() {
		rooms = slices.Concat(rooms, m.Rooms)
	}
	return core.TracedMessage{
		At: now, Kind: m.Kind, Namespace: m.Namespace, Request: m.RequestID, Bytes: m.Payload.Size(), Event: eventName(m),
		Rooms: slices.Clone(rooms[:min(len(rooms), core.TraceRooms)]), RoomCount: len(rooms),
	}
}

// maxEventName is the length up to which eventName looks for a name, in bytes.
const maxEventName = 256

// eventName returns the name of the event in m; "" if m is no event, or its name is too
// long.
func eventName(m *core.Message) string {
	if m.Kind != core.KindBroadcast && m.Kind != core.KindServerSideEmit {
		return ""
	}
	text := bytes.TrimLeft(m.Payload.Text, " \t\r\n")
	text, isList := bytes.CutPrefix(text, []byte{'['})
	text = bytes.TrimLeft(text[:min(len(text), maxEventName)], " \t\r\n")
	if !isList || len(text) == 0 || text[0] != '"' {
		return ""
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			var name string
			if json.Unmarshal(text[:i+1], &name) != nil {
				return ""
			}
			return name
		}
	}
	return ""
}

// tagOf returns the tag of the message's frames; 0 if no trace shows it.
func (p *published) tagOf() uint64 {
	if p == nil {
		return 0
	}
	return p.tag
}

// mark sets the tag of a frame, so that a writer records when it sends the frame.
func (p *published) mark(f *frame) {
	if p != nil && f != &unsendable {
		f.traced = p.tag
	}
}

// copy records what has become of the message for a peer.
func (p *published) copy(to *peer, state core.CopyState) {
	switch {
	case p == nil:
	case len(p.info.Copies) >= core.TraceCopies:
		p.info.MoreCopies++
	default:
		p.info.Copies = append(p.info.Copies, core.TracedCopy{Peer: to.id, State: state})
	}
}

// queued records whether the message was queued for a peer.
func (p *published) queued(to *peer, queued bool) {
	if p == nil {
		return
	}
	state := core.CopyQueued
	if !queued {
		state = core.CopyDropped
	}
	p.copy(to, state)
}

// released is called when a message is not withheld from a peer any more, before it is
// sent.
func (n *Node) released(w *withheld, from *peer, state core.CopyState) {
	if running := n.traces.running.Load(); running != nil && w.traced != 0 {
		running.release(w.traced, core.TracedRelease{Number: w.traced >> tagBits, Peer: from.id, At: n.clock.now(), State: state})
	}
}

func (ts *tracing) release(tag uint64, r core.TracedRelease) {
	for _, t := range ts.list {
		if tag&t.bit != 0 {
			t.addRelease(r)
		}
	}
}

// end passes the message to its traces.
func (p *published) end() {
	if p == nil {
		return
	}
	for _, t := range p.to {
		t.addMessage(p.info)
	}
}

// trace is called before a batch is sent.
func (s *stream) trace(batch []*frame) {
	if running := s.link.peer.node.traces.running.Load(); running != nil {
		running.sending(s, batch)
	}
}

func (ts *tracing) sending(s *stream, batch []*frame) {
	if !slices.ContainsFunc(batch, func(f *frame) bool { return f.traced != 0 }) {
		return
	}
	p := s.link.peer
	first := p.position(s.fifo, len(batch))
	now := p.node.clock.now()
	for i, f := range batch {
		if f.traced == 0 {
			continue
		}
		send := core.TracedSend{
			Number: f.traced >> tagBits, Peer: p.id, At: now,
			Codec: p.cfg.Codecs[p.codec].Name(), Bytes: len(f.bytes), Position: first,
		}
		if first.Session != "" {
			send.Position.Position += uint64(i)
		}
		for _, t := range ts.list {
			if f.traced&t.bit != 0 {
				t.addSend(send)
			}
		}
	}
}

// position returns the position of the first of the last taken messages of a fifo; zero
// without a session.
func (p *peer) position(fifo, taken int) core.TracePosition {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.queue.keeps || fifo >= len(p.queue.replays) {
		return core.TracePosition{}
	}
	return core.TracePosition{Session: p.out.id, Sequence: fifo, Position: p.queue.replays[fifo].taken() - uint64(taken)}
}

// arriving is called for each message of a peer, before it is delivered.
func (s *stream) arriving(m *core.Message) {
	if running := s.link.peer.node.traces.running.Load(); running != nil {
		running.arriving(s, m)
	}
}

func (ts *tracing) arriving(s *stream, m *core.Message) {
	l := s.link
	n := l.peer.node
	if l.received == nil || l.session == "" {
		return
	}
	for _, t := range ts.list {
		if t.wants(m) && (t.filter.Peer == "" || t.filter.Peer == l.peer.id || t.filter.Peer == n.id) {
			ts.arrivals.add(s, m, l.session, l.received[s.fifo].Load(), n.clock.now())
			return
		}
	}
}

// Handled is called by the adapter when a message was acted upon.
func (ns *namespace) Handled(m *core.Message) {
	if running := ns.node.traces.running.Load(); running != nil {
		running.arrivals.handled(m, ns.node.clock.now())
	}
}
