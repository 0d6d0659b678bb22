package node

import (
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// interestMarker sends marks to the peers from which messages are withheld: the first one
// at once, further ones at intervals of markEvery at least. In one namespace, a peer gets
// the next mark only after it has answered the last one.
type interestMarker struct {
	drained <-chan struct{} // closed when the node has sent what it could
	wakeups chan struct{}

	mu  sync.Mutex
	due []markDue
}

// markDue is a peer and a namespace in which messages are withheld from it.
type markDue struct {
	peer *peer
	ns   *namespace
}

const (
	// markEvery limits how old a message may be, apart from the round trip, that is sent
	// late to a client that joins a room: one emitted before the last answered mark is
	// not sent.
	markEvery = 10 * time.Millisecond

	// markOverdue is how long a peer may take to answer a mark. After that, everything is
	// sent to it until it answers, so no message that is sent late is older than that.
	markOverdue = 2 * time.Second

	// markShare is the part of one core's time that sending marks may take.
	markShare = 1.0 / 16
)

// add asks for a mark to be sent to a peer in a namespace.
func (m *interestMarker) add(p *peer, ns *namespace) {
	m.mu.Lock()
	m.due = append(m.due, markDue{p, ns})
	m.mu.Unlock()
	select {
	case m.wakeups <- struct{}{}:
	default:
	}
}

// take returns what was added since the last call, and keeps spare for reuse.
func (m *interestMarker) take(spare []markDue) []markDue {
	clear(spare)
	m.mu.Lock()
	defer m.mu.Unlock()
	due := m.due
	m.due = spare[:0]
	return due
}

// run sends marks until the node has drained its queues.
func (m *interestMarker) run() {
	timer := time.NewTimer(markEvery)
	defer timer.Stop()
	var due []markDue
	for {
		select {
		case <-m.wakeups:
		case <-m.drained:
			return
		}
		began := time.Now()
		due = m.take(due)
		for _, d := range due {
			var later deferred
			d.peer.sendMark(d.ns, false, &later)
			later.run()
		}
		timer.Reset(max(markEvery, time.Duration(float64(time.Since(began))/markShare)))
		select {
		case <-timer.C:
		case <-m.drained:
			return
		}
	}
}

// sendMark sends a mark behind the messages withheld from the peer, if there are any
// behind the last mark and that one was answered. With atOnce it always does: a request
// ends only when the mark behind it is answered.
func (p *peer) sendMark(ns *namespace, atOnce bool, later *deferred) {
	number, due := p.interest.mark(ns.name, atOnce, time.Now())
	if due {
		ns.interest.push(p, interestUpdate{mark: true, number: number}, later)
	}
}

// mark returns the number of the next mark, and whether it is to be sent.
func (r *remoteInterest) mark(namespace string, atOnce bool, now time.Time) (number uint64, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.byNamespace[namespace]
	if known == nil {
		return 0, false
	}
	l := &known.withheld
	if !atOnce {
		l.scheduled = false
		if !l.unmarked() || l.marked > l.covered {
			return 0, false
		}
	}
	l.marked, known.markedAt = l.next(), now
	return l.marked, true
}

// overdue lists the namespaces in which the peer has not answered a mark within
// markOverdue. Nothing is withheld there until it answers.
func (r *remoteInterest) overdue(now time.Time) (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, known := range r.byNamespace {
		l := &known.withheld
		if l.marked > l.covered && !known.stale && now.Sub(known.markedAt) >= markOverdue {
			known.overdue = true
			names = append(names, name)
		}
	}
	return names
}

// checkMarks sends what is withheld from a peer that does not answer marks, and sends
// another mark: the last one may be lost with its link.
func (n *Node) checkMarks(p *peer, now time.Time) {
	for _, name := range p.interest.overdue(now) {
		var later deferred
		p.sendAllWithheld(name, &later)
		if ns := n.namespace(name); ns != nil {
			p.sendMark(ns, true, &later)
		}
		later.run()
	}
}

// takeCovered handles the answer to a mark. Requests that were withheld before the mark
// did not concern the peer: empty answers are delivered in its name.
func (n *Node) takeCovered(p *peer, namespace string, number uint64) {
	ns := n.namespace(namespace)
	covered, due := p.interest.cover(namespace, number)
	if due && ns != nil {
		n.marker.add(p, ns)
	}
	for _, w := range covered {
		n.released(w, p, core.CopyLeftOut)
	}
	if ns == nil || ns.closed.Load() {
		return
	}
	for _, w := range covered {
		m := w.message
		if m.RequestID == "" {
			continue
		}
		answer := &core.Message{Kind: core.KindFetchSocketsResponse, From: p.id, Namespace: namespace, RequestID: m.RequestID}
		if m.Kind == core.KindBroadcast {
			answer.Kind = core.KindBroadcastClientCount
		}
		ns.receiver.Receive(answer)
	}
}

// cover removes what an answer covers. It returns the requests and traced messages among
// it, and whether another mark is due.
func (r *remoteInterest) cover(namespace string, number uint64) (covered []*withheld, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.byNamespace[namespace]
	if known == nil || number > known.withheld.marked {
		return nil, false
	}
	l := &known.withheld
	covered = l.cover(number)
	known.overdue = known.overdue && l.marked > l.covered
	due = l.unmarked() && !l.scheduled
	l.scheduled = l.scheduled || due
	return covered, due
}

// owedCovers holds the peers' marks in one namespace that this node has not answered yet.
// A peer gets at most one answer at a time, for its last mark.
type owedCovers struct {
	mu     sync.Mutex
	byPeer map[*peer]uint64 // the last mark
}

// owe notes a mark. It reports false if an answer to the peer is already under way.
func (o *owedCovers) owe(p *peer, number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byPeer == nil {
		o.byPeer = map[*peer]uint64{}
	}
	_, owed := o.byPeer[p]
	o.byPeer[p] = number
	return !owed
}

// answered notes that a mark was answered. It returns the peer's last mark if that is a
// later one, which has to be answered, too.
func (o *owedCovers) answered(p *peer, number uint64) (last uint64, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	last, owed := o.byPeer[p]
	if owed && last != number {
		return last, true
	}
	delete(o.byPeer, p)
	return 0, false
}

// forget forgets the marks of a peer.
func (o *owedCovers) forget(p *peer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byPeer, p)
}

// takeMark handles a mark: it answers when everything that the peer sent before has been
// processed. In a closed namespace it does not: the peer is told of the closing instead.
func (n *Node) takeMark(p *peer, namespace string, number uint64) {
	ns := n.namespace(namespace)
	if ns == nil || ns.closed.Load() || !ns.covers.owe(p, number) {
		return
	}
	ns.coverAfter(p, number)
}

func (ns *namespace) coverAfter(p *peer, number uint64) {
	cover := func() {
		ns.interest.cover(p, number)
		if last, more := ns.covers.answered(p, number); more {
			ns.coverAfter(p, last)
		}
	}
	if r, ok := ns.receiver.(core.Barrier); ok {
		r.After(p.id, cover)
	} else {
		cover()
	}
}

// cover sends the changes that were not sent yet, and behind them "covered" to the peer.
func (in *interest) cover(p *peer, number uint64) {
	var later deferred
	defer later.run()
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ns.closed.Load() {
		return
	}
	if len(in.changed) > 0 {
		in.tell(&later).release()
	}
	in.push(p, interestUpdate{covered: true, number: number}, &later)
}
