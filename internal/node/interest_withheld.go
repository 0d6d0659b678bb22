package node

import (
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// With routing by interest, clients get the same messages as if every message were sent
// to every server, also when an emit and a join cross.
//
// A message for rooms in which a peer has reported no member is not sent to that peer: it
// is withheld, in a list for that peer and namespace. From time to time the sender puts a
// mark between its messages. When the peer has processed everything before the mark, it
// sends the changes of its rooms that it has not sent yet, and then "covered". The sender
// then forgets what it had withheld before the mark. When changes arrive, it first sends
// the withheld messages for rooms that have got members, and then enters the changes; no
// message can be withheld between the two.
//
// Nothing is missed. Let a room get its first member on the peer before a message for it
// is emitted here. If the message is withheld, the peer's update has not arrived yet. It
// arrives before any "covered" that removes the message: such a mark was sent after the
// message, so the peer processed it after the join, and sent the update first. If updates
// may be lost, the list is full, or the peer does not answer a mark, everything in the
// list is sent.
//
// Nothing is old. A message that is sent late was emitted after the last mark that the
// peer had processed before the join. So it is at most about one round trip old, and
// without a mark in between it could as well still have been on its way.
//
// Order. Messages for a room are sent in their order: when a withheld message is sent, so
// are earlier ones that share a room with it; and before a message that the peer gets for
// one of several rooms, the messages withheld for any of these rooms are sent; and before a
// message that makes its sockets join rooms, those withheld for these rooms. A message that
// is sent late may come behind later messages for other rooms, or for everybody.
//
// At most once. A message is either sent or in the list, and leaves the list when it is
// sent.

// featureMark is the feature of nodes that answer marks. For a peer without it, messages
// for rooms without a member are not withheld but dropped, so a message that crosses a
// join there is lost.
const featureMark = "mark"

// maxWithheld limits the number of messages that are withheld from a peer in one
// namespace. Their memory is limited to ReplayBytes in the whole node, and to half of
// that in one list.
const maxWithheld = 1 << 15

// withheldBudget is the memory that all withheld messages of a node take.
type withheldBudget struct {
	bytes atomic.Int64
	limit int64
}

// withheld is a message that was not sent to some peers. The lists of all these peers
// share it.
type withheld struct {
	message *core.Message
	stream  uint32
	rooms   []uint32 // hashes of its rooms
	size    int      // memory, roughly
	budget  *withheldBudget
	lists   atomic.Int32 // number of lists that it is in
	counted atomic.Bool  // it was counted as published
	traced  uint64       // the tag of its frames: see frame.traced
}

func newWithheld(m *core.Message, ns *namespace, rooms []uint32, traced uint64) *withheld {
	const fields = 256
	return &withheld{
		message: m, stream: ns.stream, rooms: append([]uint32(nil), rooms...),
		size: encodedSize(m) + fields, budget: &ns.node.withheld, traced: traced,
	}
}

// enter is called when a list gets the message, and leave when a list loses it.
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

// isFor reports whether the message is for one of the rooms.
func (w *withheld) isFor(wanted func(uint32) bool) bool {
	for _, h := range w.rooms {
		if wanted(h) {
			return true
		}
	}
	return false
}

// withheldList holds the messages withheld from a peer in one namespace, in order. Each
// message has a number. It is guarded by the lock of the peer's remoteInterest.
type withheldList struct {
	base    uint64      // number of entries[head]
	entries []*withheld // entries[:head] are covered; an entry is nil when the message was sent
	head    int
	count   int // messages that were not sent
	bytes   int

	marked    uint64 // a mark was sent behind all messages before this number
	covered   uint64 // the peer has answered a mark for all messages before this number
	scheduled bool   // the marker is going to send a mark
}

// next returns the number that the next message gets.
func (l *withheldList) next() uint64 { return l.base + uint64(len(l.entries)-l.head) }

// unmarked reports whether the list has messages behind the last mark.
func (l *withheldList) unmarked() bool { return l.count > 0 && l.marked < l.next() }

// full reports whether m would exceed a limit.
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

// remove removes the message at a place: it is sent, or forgotten.
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

// cover removes the messages before a number. It returns those of them that are requests
// or are traced.
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

// clear removes all messages.
func (l *withheldList) clear() { l.cover(l.next()) }

// any reports whether the list has a message for a wanted room.
func (l *withheldList) any(wanted func(uint32) bool) bool {
	for _, w := range l.entries[l.head:] {
		if w != nil && w.isFor(wanted) {
			return true
		}
	}
	return false
}

// due returns the places of the messages that have to be sent when some rooms are wanted,
// in order. A message takes with it the earlier ones that share a room with it; and if it
// makes sockets join rooms, all messages for these rooms.
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

// all returns the places of all messages.
func (l *withheldList) all() []int { return l.due(func(uint32) bool { return true }) }

// sendWithheld sends withheld messages of a namespace, and then calls then, in one
// critical section of the peer's remoteInterest, so that no other message for these rooms
// comes in between. choose returns the places of the messages. It may be called several
// times: messages are encoded without the lock, and then it is tried again.
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

// trySendWithheld sends the messages if frames has all of them. Otherwise it sends
// nothing and returns those that have to be encoded.
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

// sendEverythingWithheld sends everything that is withheld in all namespaces.
func (p *peer) sendEverythingWithheld() {
	var later deferred
	for _, name := range p.interest.namespaces() {
		p.sendAllWithheld(name, &later)
	}
	later.run()
}

// takeInterest handles an INTEREST frame of the peer: it sends the withheld messages that
// are due because of it, and then enters the update.
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

// due returns the places of the messages that have to be sent before the update is
// entered.
func (n *interestUpdate) due(l *withheldList) []int {
	if n.first {
		return l.all() // the list of rooms may come in several frames
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

// ageInterest is called when the peer has lost its link and cannot report changes. What
// was withheld is sent, and nothing is withheld any more.
func (p *peer) ageInterest() {
	p.interest.age()
	p.sendEverythingWithheld()
}

// doubtInterest does the same when updates of the peer may have been lost.
func (p *peer) doubtInterest() {
	p.interest.doubt()
	p.sendEverythingWithheld()
}

// endInterest does the same when the peer is gone, so that withheld messages are counted
// among those that it lost.
func (p *peer) endInterest() {
	p.interest.end()
	p.sendEverythingWithheld()
}
