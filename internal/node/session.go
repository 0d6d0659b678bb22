package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// featureResume is what a node offers that keeps sessions.
const featureResume = "resume"

// A session is the sequence of messages from one node to another, whatever links carry
// it. The sender keeps what it has written until the receiver says, with ACK, that it
// has it. When a link takes the place of another one, which may have lost something, the
// sender asks with SYNC what has arrived, goes back to there, and goes on with START: so
// nothing is lost, doubled or overtaken. Where it cannot go back, START says what is
// missing.
//
// Both nodes remember a session for a while after they have given each other up, to tell
// exactly what was lost should they meet again.

// lostKinds counts lost messages.
type lostKinds map[core.Kind]uint64

func (k lostKinds) add(kind core.Kind, n uint64) lostKinds {
	if n == 0 {
		return k
	}
	if k == nil {
		k = lostKinds{}
	}
	k[kind] += n
	return k
}

// without is k less other, which is part of it.
func (k lostKinds) without(other lostKinds) (rest lostKinds) {
	for kind, n := range k {
		rest = rest.add(kind, n-min(n, other[kind]))
	}
	return rest
}

func (k lostKinds) addAll(other lostKinds) lostKinds {
	for kind, n := range other {
		k = k.add(kind, n)
	}
	return k
}

// outbound is the session of the messages to a peer. What was sent in it is in the
// peer's queue. It is guarded by the peer's lock.
type outbound struct {
	id   string
	lost lostKinds // what the peer does not know of, or has been told of and not confirmed
	gap  string    // names what is in lost: the peer may be told of it more than once
	told lostKinds // what of lost this node's observers know of
}

// confirm takes off what the peer knows to be lost.
func (out *outbound) confirm(known lostKinds) {
	out.lost, out.told = out.lost.without(known), out.told.without(known)
	out.gap = ""
}

// inbound is the session of a peer's messages. It is guarded by the peer's lock, but for
// the counters: the readers of the link that carries it add to them.
type inbound struct {
	id       string
	received []atomic.Uint64 // messages of each sequence
	gap      string          // the last one that the peer has told of
	lost     lostKinds       // what was in it
	ended    bool            // this node has given the peer up since
	turn     uint64          // of the peer's links: the last that has spoken
	link     *link           // which carries it, or did last
}

// counts are how many messages of each sequence have arrived.
func (in *inbound) counts() []uint64 {
	counts := make([]uint64, len(in.received))
	for i := range in.received {
		counts[i] = in.received[i].Load()
	}
	return counts
}

// total is how many messages have arrived.
func (in *inbound) total() (n uint64) {
	for i := range in.received {
		n += in.received[i].Load()
	}
	return n
}

// begin begins the peer's session anew, at these positions.
func (in *inbound) begin(id string, positions []uint64) {
	in.id, in.received = id, make([]atomic.Uint64, len(positions))
	for i, n := range positions {
		in.received[i].Store(n)
	}
}

// When a node says what has arrived, without being asked. In between it says so with
// what it sends anyway, and once a heartbeat's turn.
const (
	ackMessages = 1 << 10
	ackBytes    = 256 << 10
	ackBeside   = 64 // messages, if something is sent anyway
)

// beginSending makes l the link on which messages are sent, after START. If the peer
// may have missed something that was sent, it is asked first. p.mu is held.
func (p *peer) beginSending(l *link) {
	p.queue.proceedAll()
	l.turn = p.node.turns.Add(1)
	streams := l.messageStreams()
	if !p.queue.keeps {
		p.queue.resize(streams)
		p.openLink(l)
		return
	}
	if streams != len(p.queue.fifos) {
		// Another transport: the sequences are not those of the session any more.
		if !p.queue.allAcked() {
			p.restart()
		}
		p.out.id = randomID()
		p.queue.resize(streams)
	}
	if !p.sending && p.queue.allAcked() {
		p.openLink(l)
		return
	}
	l.asking++
	l.synced = nil
	p.control(l, appendSync(nil, l.turn, p.out.id))
}

// openLink lets messages be sent on l; p.mu is held.
func (p *peer) openLink(l *link) {
	l.open = true
	s := start{codec: p.cfg.Codecs[p.codec].Name(), turn: l.turn, epoch: p.epoch}
	if p.queue.keeps {
		s.session, s.positions = p.out.id, p.queue.positions()
		if len(p.out.lost) > 0 {
			// START may be lost with its link, so that the next one tells of it again.
			p.out.gap = cmp.Or(p.out.gap, randomID())
			s.gap, s.lost = p.out.gap, p.out.lost
			l.told = maps.Clone(p.out.lost)
			p.gapOut = p.gapOut.addAll(p.out.lost.without(p.out.told))
			p.out.told = maps.Clone(p.out.lost)
		}
	}
	p.sending = true
	p.control(l, appendStart(nil, s))
	l.signalAll() // for what has waited
}

// restart begins a new session, because the last one cannot be gone on with; p.mu is
// held.
func (p *peer) restart() {
	w := p.queue.restart(!p.remembered)
	p.out.id = randomID()
	p.out.lost = p.out.lost.addAll(w.lost)
	p.dropped = append(p.dropped, w.dropped...)
}

// ack takes what the peer says it has. On a link that is not open yet it is the answer
// to SYNC.
func (p *peer) ack(l *link, src []byte) error {
	a, err := decodeAck(src)
	if err != nil {
		return err
	}
	p.mu.Lock()
	done := l.acked[:0]
	switch {
	case !p.queue.keeps:
	case l.asking > 0:
		if l.asking--; l.asking == 0 { // no later SYNC is under way
			l.synced = &a
			p.goBack(l)
		}
	case l == p.current && l.open:
		if l.told != nil { // by START, which the peer has read before it says so
			p.out.confirm(l.told)
			l.told = nil
		}
		var proceed bool
		done, proceed, err = p.queue.acknowledge(a.counts, done)
		if proceed {
			l.signalAll()
		}
	}
	if p.draining && err == nil && p.queue.waiting == 0 && p.queue.allAcked() {
		p.endDrain()
	}
	p.mu.Unlock()
	for _, f := range done {
		f.release()
	}
	clear(done)
	l.acked = done
	p.tellGaps()
	return err
}

// goBack goes on on l behind what the peer has, when the answer to SYNC is here and no
// other link's writer has anything in hand; p.mu is held.
func (p *peer) goBack(l *link) {
	a := l.synced
	if a == nil || l != p.current || l.open || p.queue.writing > 0 {
		return
	}
	if a.unknown && !p.queue.anyAcked() {
		a.unknown, a.counts = false, make([]uint64, len(p.queue.fifos)) // nothing of it has arrived
	}
	var w rewound
	if !a.unknown {
		w, p.misfit = p.queue.rewind(a.counts)
	}
	if a.unknown || p.misfit != nil {
		// The peer has forgotten the session, or remembers something else of it.
		p.restart()
	} else {
		p.counts.resumed(w.again)
		p.out.lost = p.out.lost.addAll(w.lost)
		p.dropped = append(p.dropped, w.dropped...)
		p.arrived = append(p.arrived, w.arrived...)
		switch {
		case a.ended || p.cutting:
			p.restart()
		case p.refusing && slices.Equal(a.counts, p.refusedAt):
			p.skipFirst()
		}
		p.refusedAt = a.counts
	}
	p.refusing, p.remembered, p.cutting = false, false, false
	p.openLink(l)
}

// skipFirst gives up the first message of each sequence: the peer has ended two links one
// after the other instead of taking it, as it does with one above its limit. p.mu is
// held.
func (p *peer) skipFirst() {
	for i := range p.queue.fifos {
		if f := p.queue.fifos[i].pop(); f != nil {
			p.queue.lose(f)
			p.out.lost = p.out.lost.add(f.kind, 1)
			p.dropped = append(p.dropped, f)
		}
	}
}

// tellGaps tells of what was lost on the way to the peer, and tells the peer again what
// was perhaps among it. It is called without a lock.
func (p *peer) tellGaps() {
	p.releaseFrames(errLinkLost)
	p.mu.Lock()
	gap, again, misfit := p.gapOut, p.announceAgain, p.misfit
	p.gapOut, p.announceAgain, p.misfit = nil, false, nil
	p.mu.Unlock()
	if misfit != nil {
		p.logLimit.Log(p.log, slog.LevelWarn, "misfit "+p.id, "cannot resume: this node and the peer remember different things", "error", misfit)
	}
	if len(gap) > 0 {
		p.counts.gap(core.Gap{Peer: p.id, Outbound: true, Lost: gap})
		p.logLimit.Log(p.log, slog.LevelWarn, "gap out "+p.id, "messages to this peer were lost", "lost", showLost(gap))
	}
	if len(gap) > 0 || again {
		var later deferred
		p.node.announce(p, &later)
		later.run()
	}
}

// errLinkLost is why messages are dropped that were lost with a link.
var errLinkLost = errors.New("lost with its link")

// showLost is for logs.
func showLost(lost lostKinds) string {
	text := ""
	for kind := core.Kind(0); kind < kinds; kind++ {
		if n := lost[kind]; n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", n, kind)
		}
	}
	return text
}

// claim makes l the link that carries the peer's messages. Another link that did so ends,
// for the peer has given it up; what it has delivered by its end counts. It reports
// false if l has ended before.
//
// The peer's links come up in another order here than there, so it numbers them in the
// order in which it uses them. What it has sent on an earlier one, it may have sent again
// on a later one: once that has spoken, the earlier one is not listened to any more.
func (p *peer) claim(l *link, turn uint64) bool {
	for {
		p.mu.Lock()
		if turn < p.in.turn {
			p.mu.Unlock()
			l.fail(core.CloseDuplicate, core.ErrReplaced)
			return false
		}
		p.in.turn = turn
		before := p.in.link
		if before == nil || before == l {
			p.in.link = l
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		before.fail(core.CloseDuplicate, core.ErrReplaced)
		select {
		case <-before.readersEnded:
		case <-l.stop:
			return false
		}
		p.mu.Lock()
		if p.in.link == before {
			p.in.link = nil
		}
		p.mu.Unlock()
	}
}

// sync answers what has arrived of the peer's session.
func (l *link) sync(src []byte) error {
	turn, session, err := decodeSync(src)
	if err != nil {
		return err
	}
	p := l.peer
	if !p.claim(l, turn) {
		return l.err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a := ack{unknown: p.in.id != session}
	if !a.unknown {
		a.counts, a.ended = p.in.counts(), p.in.ended
	}
	p.control(l, appendAck(nil, a))
	return nil
}

// start prepares for the peer's messages.
func (l *link) start(src []byte) error {
	s, err := decodeStart(src)
	if err != nil {
		return err
	}
	if l.inbound != nil {
		return fmt.Errorf("%w: second start", core.ErrMalformed)
	}
	for _, c := range l.cfg.Codecs {
		if c.Name() == s.codec {
			l.inbound = c
		}
	}
	if l.inbound == nil {
		return fmt.Errorf("%w: peer writes %q", core.ErrNoCommonCodec, s.codec)
	}
	p := l.peer
	if !p.claim(l, s.turn) {
		return l.err
	}
	lost, forgotten, err := p.take(l, s)
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		p.counts.gap(core.Gap{Peer: p.id, Lost: lost})
		p.logLimit.Log(p.log, slog.LevelWarn, "gap in "+p.id, "messages of this peer were lost", "lost", showLost(lost))
		p.doubtInterest()
	}
	if forgotten {
		// And with us what we had asked it.
		p.doubtInterest()
		p.node.peerLostUs(p)
		p.tellGaps()
	}
	close(l.started)
	return nil
}

// take begins or goes on with the peer's session on l. It returns what the peer says was
// lost, and whether the peer had given us up since it last began.
func (p *peer) take(l *link, s start) (lost lostKinds, forgotten bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	forgotten = p.theirEpoch != "" && p.theirEpoch != s.epoch
	p.theirEpoch = s.epoch
	p.announceAgain = p.announceAgain || forgotten
	if !p.queue.keeps {
		s.session, s.positions = "", make([]uint64, l.messageStreams())
	}
	if len(s.positions) != l.messageStreams() {
		return nil, forgotten, fmt.Errorf("%w: start of %d sequences on a link with %d", core.ErrMalformed, len(s.positions), l.messageStreams())
	}
	var known lostKinds
	if s.gap == p.in.gap {
		known = p.in.lost
	}
	lost = s.lost.without(known)
	if s.gap != "" {
		p.in.gap, p.in.lost = s.gap, s.lost
	}
	if s.session != p.in.id || len(p.in.received) != len(s.positions) || !p.queue.keeps {
		p.in.begin(s.session, s.positions)
	} else {
		l.skip = make([]uint64, len(s.positions))
		for i, position := range s.positions {
			switch have := p.in.received[i].Load(); {
			case position < have:
				l.skip[i] = have - position
			case position > have:
				lost = lost.add(0, position-have)
				p.in.received[i].Store(position)
			}
		}
	}
	p.in.ended = false
	l.received, l.session = p.in.received, p.in.id
	l.saidReceived = p.in.total()
	p.settle(l)
	return lost, forgotten, nil
}

// ackIfDue queues an ACK if at least so many messages have arrived since the last one;
// p.mu is held.
func (p *peer) ackIfDue(l *link, least uint64) {
	if !p.queue.keeps || p.in.link != l || l.received == nil {
		return
	}
	if total := p.in.total(); total-l.saidReceived >= least {
		l.saidReceived = total
		p.control(l, appendAck(nil, ack{counts: p.in.counts()}))
	}
}

// ackNow says what has arrived.
func (p *peer) ackNow(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ackIfDue(l, 1)
}
