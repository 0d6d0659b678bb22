package node

import (
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// interestMarker sends marks to peers from which something is withheld: at once, and then
// no more often than every markEvery. A peer gets the next one in a namespace when it has
// answered the last one.
type interestMarker struct {
	drained <-chan struct{} // closed when the node has sent what it could
	wakeups chan struct{}

	mu  sync.Mutex
	due []markDue
}

// markDue is a peer from which something is withheld in a namespace.
type markDue struct {
	peer *peer
	ns   *namespace
}

const (
	// markEvery is how old something is at most, beside the round trip, that is sent to
	// somebody who joins: what was emitted before the last mark is not.
	markEvery = 10 * time.Millisecond

	// markOverdue is how long a peer may take to answer. Then it gets everything until it
	// has answered, so that nothing that is sent late is older than that.
	markOverdue = 2 * time.Second

	// markShare is which part of a core's time marks may take.
	markShare = 1.0 / 16
)

// add has a mark sent to a peer.
func (m *interestMarker) add(p *peer, ns *namespace) {
	m.mu.Lock()
	m.due = append(m.due, markDue{p, ns})
	m.mu.Unlock()
	select {
	case m.wakeups <- struct{}{}:
	default:
	}
}

// take returns what has been added, and uses spare the next time.
func (m *interestMarker) take(spare []markDue) []markDue {
	clear(spare)
	m.mu.Lock()
	defer m.mu.Unlock()
	due := m.due
	m.due = spare[:0]
	return due
}

// run works until the node has drained its queues.
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

// sendMark sends a mark behind what is withheld from the peer, if there is none and the last
// one was answered; or in any case, for a request, whose end waits for the answer.
func (p *peer) sendMark(ns *namespace, atOnce bool, later *deferred) {
	number, due := p.interest.mark(ns.name, atOnce, time.Now())
	if due {
		ns.interest.push(p, interestUpdate{mark: true, number: number}, later)
	}
}

// mark returns the number of the next mark, if one is due.
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

// overdue lists the namespaces in which a mark was not answered for too long. In these
// nothing is withheld any more until it is.
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

// checkMarks sends what is withheld from a peer that does not answer, and another mark:
// the last one may be lost with its link.
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

// takeCovered takes the answer to a mark. Servers that were not asked, and still need
// not be, have answered the requests before it with nothing.
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

// cover takes an answer in. It returns the requests that it concerns, messages that are
// traced, and whether another mark is due.
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

// owedCovers are the marks of peers that were not answered, of one namespace. Each peer
// is owed one answer at most at a time, behind what it had sent before.
type owedCovers struct {
	mu     sync.Mutex
	byPeer map[*peer]uint64 // the last mark
}

// owe notes a mark. It reports false if an earlier one was not answered yet.
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

// answered notes the answer to a mark, and returns the last one if that is another.
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

// forget forgets a peer.
func (o *owedCovers) forget(p *peer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byPeer, p)
}

// takeMark answers a mark of a peer when what the peer had sent before has been
// processed. A namespace that is closed need not: the peer hears of that.
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

// cover tells a peer what has changed, and behind that that it has been told.
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
