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

// featureResume is the feature of nodes that keep sessions.
const featureResume = "resume"

// A session is the sequence of messages from one node to another, over all links that
// carry it. The sender keeps each message until the receiver acknowledges it with ACK.
// When another link takes over, messages on the old one may be lost. The sender then asks
// with SYNC what has arrived, goes back to that position, and continues with START: no
// message is lost, doubled or overtaken. If it cannot go back, START says what is lost.
//
// Both nodes remember a session for a while after they have given each other up. If they
// meet again, they can say exactly what was lost.

// lostKinds counts lost messages by kind.
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

// without subtracts other, which is a part of k.
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

// outbound is the session of the messages to a peer. The messages themselves are in the
// peer's queue. It is guarded by the peer's lock.
type outbound struct {
	id   string
	lost lostKinds // losses that the peer has not confirmed
	gap  string    // id of the report in which START tells of lost; the peer may get the same report twice
	told lostKinds // the part of lost that this node's observers have been told of
}

// confirm subtracts the losses that the peer has confirmed.
func (out *outbound) confirm(known lostKinds) {
	out.lost, out.told = out.lost.without(known), out.told.without(known)
	out.gap = ""
}

// inbound is the session of a peer's messages. It is guarded by the peer's lock, except
// the counters, which the readers of the link in use increment.
type inbound struct {
	id       string
	received []atomic.Uint64 // messages received, per sequence
	gap      string          // id of the peer's last report of losses
	lost     lostKinds       // the losses in that report
	ended    bool            // this node has given the peer up since
	turn     uint64          // the highest turn of the peer's links: see claim
	link     *link           // carries the session, or was the last to do so
}

// counts returns how many messages of each sequence have arrived.
func (in *inbound) counts() []uint64 {
	counts := make([]uint64, len(in.received))
	for i := range in.received {
		counts[i] = in.received[i].Load()
	}
	return counts
}

// total returns how many messages have arrived in all sequences.
func (in *inbound) total() (n uint64) {
	for i := range in.received {
		n += in.received[i].Load()
	}
	return n
}

// begin starts a new session of the peer at these positions.
func (in *inbound) begin(id string, positions []uint64) {
	in.id, in.received = id, make([]atomic.Uint64, len(positions))
	for i, n := range positions {
		in.received[i].Store(n)
	}
}

// A reader sends an ACK after so many messages or bytes. Otherwise an ACK goes out with
// other frames, if ackBeside messages have arrived, or by the heartbeat after
// ackInterval.
const (
	ackMessages = 1 << 10
	ackBytes    = 256 << 10
	ackBeside   = 64 // messages
)

// beginSending makes l the link on which messages are sent. If the peer may have missed
// messages, a SYNC asks first what it has; otherwise START goes out at once. p.mu is
// held.
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
		// The new link has another number of streams, so the session's sequences do not
		// fit it.
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

// openLink sends START on l, so that messages may follow; p.mu is held.
func (p *peer) openLink(l *link) {
	l.open = true
	s := start{codec: p.cfg.Codecs[p.codec].Name(), turn: l.turn, epoch: p.epoch}
	if p.queue.keeps {
		s.session, s.positions = p.out.id, p.queue.positions()
		if len(p.out.lost) > 0 {
			// START may be lost with its link: then the next START reports the same
			// losses again, under the same id.
			p.out.gap = cmp.Or(p.out.gap, randomID())
			s.gap, s.lost = p.out.gap, p.out.lost
			l.told = maps.Clone(p.out.lost)
			p.gapOut = p.gapOut.addAll(p.out.lost.without(p.out.told))
			p.out.told = maps.Clone(p.out.lost)
		}
	}
	p.sending = true
	p.control(l, appendStart(nil, s))
	l.signalAll() // messages may have waited
}

// restart begins a new session because the old one cannot be continued; p.mu is held.
func (p *peer) restart() {
	w := p.queue.restart(!p.remembered)
	p.out.id = randomID()
	p.out.lost = p.out.lost.addAll(w.lost)
	p.dropped = append(p.dropped, w.dropped...)
}

// ack handles an ACK. On a link that is not open yet it is the answer to SYNC.
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
		if l.told != nil { // the peer sends ACK only after it has read START
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

// goBack opens l, beginning behind the messages that the peer has: when the answer to
// SYNC has come and no writer of another link holds messages; p.mu is held.
func (p *peer) goBack(l *link) {
	a := l.synced
	if a == nil || l != p.current || l.open || p.queue.writing > 0 {
		return
	}
	if a.unknown && !p.queue.anyAcked() {
		a.unknown, a.counts = false, make([]uint64, len(p.queue.fifos)) // no message of the session has arrived
	}
	var w rewound
	if !a.unknown {
		w, p.misfit = p.queue.rewind(a.counts)
	}
	if a.unknown || p.misfit != nil {
		// The peer has forgotten the session, or its counts contradict this node's.
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

// skipFirst gives up the first message of each sequence: the peer has ended two links in
// a row instead of taking it, as peers do with a message above their limit. p.mu is held.
func (p *peer) skipFirst() {
	for i := range p.queue.fifos {
		if f := p.queue.fifos[i].pop(); f != nil {
			p.queue.lose(f)
			p.out.lost = p.out.lost.add(f.kind, 1)
			p.dropped = append(p.dropped, f)
		}
	}
}

// tellGaps tells the observers of messages to the peer that were lost, and announces the
// namespaces and rooms to the peer again, because such messages may be among the lost
// ones. It is called without a lock.
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

// errLinkLost is why messages are counted as dropped that were lost with a link.
var errLinkLost = errors.New("lost with its link")

// showLost formats losses for logs.
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

// claim makes l the link that carries the peer's messages, and ends the link that did so
// before; messages that the old link has delivered by then count. It reports false if l
// has ended before.
//
// The peer numbers its links in the order in which it takes them into use (turn), because
// they may come up here in another order. It may send messages of an earlier link again
// on a later one; so once the later link has spoken, the earlier one is not read any
// more.
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

// sync answers a SYNC with the number of messages that have arrived of the peer's
// session.
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

// start handles a START frame, and then lets the peer's messages in.
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
		// The peer has forgotten this node's requests and rooms, too.
		p.doubtInterest()
		p.node.peerLostUs(p)
		p.tellGaps()
	}
	close(l.started)
	return nil
}

// take begins the peer's session on l, or continues it. It returns the losses that the
// peer has reported and this node did not know of, and whether the peer had given this
// node up since the last START.
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

// ackIfDue queues an ACK if at least that many messages have arrived since the last one;
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

// ackNow queues an ACK if any message has arrived since the last one.
func (p *peer) ackNow(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ackIfDue(l, 1)
}
