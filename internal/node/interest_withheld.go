package node

import (
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// Routing by interest delivers what sending everything to everybody would deliver, also
// where an emit and a join cross.
//
// A message that this node does not send to a peer, because the peer has told of no
// member in its rooms, is withheld: it goes to the end of a list of that peer and
// namespace. Now and then the sender puts a mark in the sequence of its messages. The
// peer answers a mark, when it has processed everything before it, with its own
// changes of rooms that it has not told yet, and behind them, in the same sequence, with
// "covered". The sender then forgets what it had withheld before the mark. When changes
// come, it first sends what is in the list for rooms that have got members, and then
// counts these as wanted; nothing can be withheld in between.
//
// Nothing is missed. Let a room get its first member on the peer before a message for it
// is emitted here. If the message is withheld, the peer's news have not come. They come
// before any "covered" that takes the message off the list: such a mark was sent after
// the message, so the peer took it after the join, and sent the news first. Where the
// news may be lost, the list is full, or the peer does not answer a mark, everything in
// the list is sent.
//
// Nothing is old. What is sent late was emitted after the last mark that the peer had
// processed before the join. So it is about as old as a round trip at most, and without
// a mark in between it could as well have been under way.
//
// Order. Messages for a room are sent in their order: with a withheld message go those
// before it that share a room with it, and a message that the peer gets for another of
// its rooms takes with it what was withheld for any of them. A message that is sent late
// may come behind later ones for other rooms, or for everybody.
//
// Once. A message is either sent or in the list, which it leaves when it is sent.

// featureMark is what a node offers that answers marks. Peers that do not are left out
// as ever: what crosses a join there is lost.
const featureMark = "mark"

// maxWithheld bounds the messages that are withheld from a peer in one namespace. Their
// bytes are bounded by ReplayBytes in the whole node, and by half of it for a peer's
// namespace.
const maxWithheld = 1 << 15

// withheldBudget is what all withheld messages of a node take.
type withheldBudget struct {
	bytes atomic.Int64
	limit int64
}

// withheld is a message that some peers did not get; one for all of them.
type withheld struct {
	message *core.Message
	stream  uint32
	rooms   []uint32 // hashes
	size    int      // memory, roughly
	budget  *withheldBudget
	lists   atomic.Int32 // in which it is
	counted atomic.Bool  // as a message that was published
	traced  uint64       // by which traces, and its number for them; as of frames
}

func newWithheld(m *core.Message, ns *namespace, rooms []uint32, traced uint64) *withheld {
	const fields = 256
	return &withheld{
		message: m, stream: ns.stream, rooms: append([]uint32(nil), rooms...),
		size: encodedSize(m) + fields, budget: &ns.node.withheld, traced: traced,
	}
}

// enter counts a list in which the message is, and leave one in which it is no more.
func (w *withheld) enter() {
	if w.lists.Add(1) == 1 {
		w.budget.bytes.Add(int64(w.size))
	}
}

func (w *withheld) leave() {
	if w.lists.Add(-1) == 0 {
		w.budget.bytes.Add(-int64(w.size))
	}
}

// isFor tells whether the message is for one of the rooms.
func (w *withheld) isFor(wanted func(uint32) bool) bool {
	for _, h := range w.rooms {
		if wanted(h) {
			return true
		}
	}
	return false
}

// withheldList is what is withheld from a peer in one namespace, in order. Each message
// has a number. It is guarded by the lock of the peer's interest.
type withheldList struct {
	base    uint64      // number of the first
	entries []*withheld // entries[:head] are covered; nil where it was sent
	head    int
	count   int // that were not sent
	bytes   int

	marked    uint64 // the peer was sent a mark behind all messages before this number
	covered   uint64 // and has answered one behind all before this
	scheduled bool   // the marker is to mark what is not marked
}

// next is the number of the next message.
func (l *withheldList) next() uint64 { return l.base + uint64(len(l.entries)-l.head) }

// unmarked tells whether there is anything behind the last mark.
func (l *withheldList) unmarked() bool { return l.count > 0 && l.marked < l.next() }

// full tells whether one more message would be too much.
func (l *withheldList) full(m *core.Message, b *withheldBudget) bool {
	size := int64(encodedSize(m))
	return len(l.entries)-l.head >= maxWithheld || int64(l.bytes)+size > b.limit/2 || b.bytes.Load()+size > b.limit
}

func (l *withheldList) add(w *withheld) {
	w.enter()
	l.entries = append(l.entries, w)
	l.count++
	l.bytes += w.size
}

// remove takes out a message that is sent, or given up.
func (l *withheldList) remove(i int) *withheld {
	w := l.entries[i]
	l.entries[i] = nil
	if w != nil {
		l.count--
		l.bytes -= w.size
		w.leave()
	}
	return w
}

// cover forgets the messages before a number, and returns the requests among them, and those
// that are traced.
func (l *withheldList) cover(number uint64) (covered []*withheld) {
	l.covered = max(l.covered, min(number, l.next()))
	for l.base < l.covered {
		if w := l.remove(l.head); w != nil && (w.message.RequestID != "" || w.traced != 0) {
			covered = append(covered, w)
		}
		l.head++
		l.base++
	}
	l.entries, l.head = compact(l.entries, l.head)
	return covered
}

// clear forgets all.
func (l *withheldList) clear() { l.cover(l.next()) }

// any tells whether there is a message for one of the rooms.
func (l *withheldList) any(wanted func(uint32) bool) bool {
	for _, w := range l.entries[l.head:] {
		if w != nil && w.isFor(wanted) {
			return true
		}
	}
	return false
}

// due are the places of the messages that have to be sent where some rooms are wanted, in
// order. With each one go those before it that share a room with it, and those behind it
// for rooms that it makes sockets join.
func (l *withheldList) due(wanted func(uint32) bool) []int {
	if l.count == 0 || !l.any(wanted) {
		return nil
	}
	var more hashes
	isDue := make([]bool, len(l.entries))
	count := 0
	for again := true; again; {
		again = false
		for i := len(l.entries) - 1; i >= l.head; i-- {
			w := l.entries[i]
			if w == nil || isDue[i] || !w.isFor(wanted) && !w.isFor(more.has) {
				continue
			}
			isDue[i] = true
			count++
			for _, h := range w.rooms {
				more.add(h)
			}
			if w.message.Kind == core.KindSocketsJoin {
				for _, room := range w.message.Rooms {
					more.add(hashOf(room))
				}
				again = true
			}
		}
	}
	due := make([]int, 0, count)
	for i, is := range isDue {
		if is {
			due = append(due, i)
		}
	}
	return due
}

// all are the places of all messages.
func (l *withheldList) all() []int { return l.due(func(uint32) bool { return true }) }

// sendWithheld sends messages that were withheld in a namespace, and calls then: both
// with the lock of what is known of the peer's rooms, so that no message for these rooms
// comes in between. Messages are encoded without the lock, so choose may be called again;
// it returns their places.
func (p *peer) sendWithheld(namespace string, choose func(*withheldList) []int, then func(), later *deferred) {
	var frames map[*withheld]*frame
	for missing := []*withheld(nil); ; {
		for _, w := range missing {
			if frames == nil {
				frames = map[*withheld]*frame{}
			}
			f := p.node.encode(p.codec, w.message, w.stream, later)
			if f != &unsendable {
				f.traced = w.traced
			}
			frames[w] = f
		}
		if missing = p.trySendWithheld(namespace, choose, then, frames, later); len(missing) == 0 {
			break
		}
	}
	for _, f := range frames {
		if f != &unsendable {
			f.release()
		}
	}
}

// trySendWithheld does nothing but return the messages that are not encoded, if there are
// such.
func (p *peer) trySendWithheld(namespace string, choose func(*withheldList) []int, then func(), frames map[*withheld]*frame, later *deferred) (missing []*withheld) {
	p.interest.mu.Lock()
	defer p.interest.mu.Unlock()
	known := p.interest.byNamespace[namespace]
	if known != nil && known.withheld.count > 0 {
		l := &known.withheld
		due := choose(l)
		for _, i := range due {
			if frames[l.entries[i]] == nil {
				missing = append(missing, l.entries[i])
			}
		}
		if len(missing) > 0 {
			return missing
		}
		for _, i := range due {
			w := l.remove(i)
			p.sendLate(known, w, frames[w], later)
		}
	}
	if then != nil {
		then()
	}
	return nil
}

// sendLate sends a message that was withheld.
func (p *peer) sendLate(known *namespaceInterest, w *withheld, f *frame, later *deferred) {
	m := w.message
	if f == &unsendable {
		id, kind := p.id, m.Kind
		later.add(func() { p.counts.dropped(id, kind, core.ErrUnsupported) })
		p.node.released(w, p, core.CopyDropped)
		return
	}
	p.node.released(w, p, core.CopyQueued)
	if m.Kind == core.KindSocketsJoin {
		known.expect(m.Rooms)
	}
	if !p.push(f, later) {
		p.node.released(w, p, core.CopyDropped)
	} else if !w.counted.Swap(true) {
		p.counts.publish(m.Kind, len(f.bytes))
	}
}

// sendAllWithheld sends everything that is withheld in a namespace.
func (p *peer) sendAllWithheld(namespace string, later *deferred) {
	p.sendWithheld(namespace, (*withheldList).all, nil, later)
}

// sendEverythingWithheld does so in all namespaces.
func (p *peer) sendEverythingWithheld() {
	var later deferred
	for _, name := range p.interest.namespaces() {
		p.sendAllWithheld(name, &later)
	}
	later.run()
}

// takeInterest enters an update, behind what was withheld and is due for it.
func (p *peer) takeInterest(namespace string, update interestUpdate) {
	switch {
	case update.mark:
		p.node.takeMark(p, namespace, update.number)
		return
	case update.covered:
		p.node.takeCovered(p, namespace, update.number)
		return
	}
	var later deferred
	p.sendWithheld(namespace, update.due, func() { p.interest.enter(namespace, update) }, &later)
	later.run()
}

// due are the places of messages that are due for an update.
func (n *interestUpdate) due(l *withheldList) []int {
	if n.first {
		return l.all() // until all rooms are known
	}
	if len(n.adds) == 0 {
		return nil
	}
	var added hashes
	for _, h := range n.adds {
		added.add(max(1, h))
	}
	return l.due(added.has)
}

// ageInterest sends everything from now on, what was withheld too: there is no link, so
// the peer cannot tell what changes.
func (p *peer) ageInterest() {
	p.interest.age()
	p.sendEverythingWithheld()
}

// doubtInterest does so because updates may have been lost.
func (p *peer) doubtInterest() {
	p.interest.doubt()
	p.sendEverythingWithheld()
}

// endInterest does so because the peer has gone, which counts what was withheld from it
// among what it has lost.
func (p *peer) endInterest() {
	p.interest.end()
	p.sendEverythingWithheld()
}
