package node

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/human"
	"github.com/socketmesh/mesh/internal/loglimit"
)

// probeTimeout is how long an old link has to answer a ping when the peer has opened
// another link beside it.
const probeTimeout = 2 * time.Second

// unlistedTimeout is how long a link has to answer a ping when its peer has left the
// roster of discovery.
const unlistedTimeout = time.Second

// The limits of what a peer may announce: the number of its namespaces, and the total
// length of their names in bytes.
const (
	maxNamespaces     = 1 << 16
	maxNamespaceBytes = 16 << 20
)

// peer is another node: as long as it has a link to this one, and then as long as it may
// resume. The queue belongs to the peer, not to a link, so that messages that wait or are
// not acknowledged continue on the next link: see session.go.
//
// A peer usually has one link. It has two for a moment when one replaces the other: when
// both nodes dial at once, the link dialled by the node with the smaller id stays.
type peer struct {
	node          *Node // for what concerns all peers: the peer set, and received messages
	cfg           *core.Config
	counts        *stats
	logLimit      *loglimit.Limiter
	id            string
	process       processID // of the other node; the same id with another process is another peer
	certified     string    // the identity in the certificate of its first link; "" if there is none
	address       string
	remote        string
	source        netip.Prefix // network of its first link, if the peer dialled that one
	dialled       bool         // this node dialled the peer's first link
	reference     bool
	role          core.Role
	version       int  // of the protocol; 0 for reference peers
	codec         int  // index in the node's codecs, of the one in which this node writes
	referenceOnly bool // knows only the kinds of message that the reference has
	batches       bool // takes BATCH frames
	flushes       bool // answers FLUSH frames
	answers       bool // answers ASK frames
	takesLost     bool // takes LOST frames
	wantsInterest bool // routes by interest: takes and sends INTEREST frames
	marks         bool // answers marks, so that messages may be withheld from it
	interest      remoteInterest
	since         time.Time
	log           *slog.Logger
	gone          chan struct{} // closed when the peer cannot resume any more
	drained       chan struct{} // after drain: closed when everything was sent, and received by a peer that can say so

	traffic    struct{ in, out traffic }
	reconnects uint64         // number of times that it came back before
	asking     atomic.Int32   // number of its questions that are being answered
	heardOnce  atomic.Bool    // a message of the peer was received
	late       *[kinds]uint64 // messages published after the peer was given up, kept by departedPeer; guarded by the node's lock
	listed     bool           // in the last roster; guarded by the node's lock

	mu         sync.Mutex
	links      []*link
	current    *link // the link on which messages are sent; nil if there is none
	queue      queue
	out        outbound
	in         inbound
	sending    bool   // START was sent, on some link
	epoch      string // changes when this node has given the peer up and forgotten its state
	theirEpoch string // the peer's epoch for this node; "" until its first START
	trip       roundTrip
	down       bool
	cutting    bool // too slow: nothing is queued until a new link is in use
	draining   bool
	triedAt    time.Time // when its links were last pinged because of a LOST frame
	remembered bool      // the session is that of an earlier peer value; the messages that wait are not part of it
	refusing   bool      // the peer ended the last link because of a frame that it does not take
	refusedAt  []uint64  // what the peer had received at the last goBack
	suspension

	// Set under mu, reported by tellGaps without it.
	misfit           error
	gapOut           lostKinds
	dropped, arrived []*frame
	announceAgain    bool

	openMu    sync.Mutex
	open      map[string]int64 // namespaces open on the peer, with the time of its last message there, in ns
	openBytes int              // total length of their names
}

func newPeer(n *Node, h *hello, remote string, on terms) *peer {
	p := &peer{
		node:          n,
		cfg:           &n.cfg,
		counts:        &n.stats,
		logLimit:      &n.logLimit,
		id:            h.uid,
		process:       h.process(),
		address:       h.address,
		remote:        remote,
		reference:     h.offer == nil,
		role:          h.role(),
		version:       on.version,
		codec:         on.codec,
		since:         time.Now(),
		log:           n.log.With("peer", h.uid, "address", h.address),
		gone:          make(chan struct{}),
		drained:       make(chan struct{}),
		queue:         newQueue(queueLimits(&n.cfg), n.cfg.QueueMessages),
		batches:       h.offers(featureBatch),
		flushes:       h.offers(featureFlush),
		answers:       h.offers(featureAsk),
		takesLost:     h.offers(featureLost),
		wantsInterest: h.offers(featureInterest),
		marks:         h.offers(featureInterest) && h.offers(featureMark),
		open:          map[string]int64{},
		late:          new([kinds]uint64),
	}
	if h.offers(featureResume) {
		p.queue.keep(n.cfg.ReplayBytes)
		p.out.id, p.epoch = randomID(), randomID()
	}
	if p.role != core.RoleServer {
		p.wantsInterest, p.answers = false, p.answers && p.role == core.RoleObserver
	}
	p.interest.numbers = &n.lists
	p.referenceOnly = p.reference || n.cfg.Codecs[on.codec].Name() == referenceCodec
	return p
}

// queueLimits are the limits of a peer's queue.
func queueLimits(c *core.Config) backlog.Limits {
	return backlog.Limits{Soft: c.QueueBytes, Hard: c.MaxQueueBytes, Rate: c.QueueMinRate, Grace: c.QueueSlowTime}
}

func (p *peer) info() core.PeerInfo {
	return core.PeerInfo{
		ID: p.id, Address: p.address, Remote: p.remote, Reference: p.reference,
		Role: p.role, Version: p.version, Codec: p.cfg.Codecs[p.codec].Name(), Since: p.since,
	}
}

// add adds a link to the peer. taken is false if the peer was given up just before. first
// reports whether the peer had no link.
func (p *peer) add(l *link) (taken, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false, false
	}
	first = len(p.links) == 0
	if first {
		p.linked()
	}
	p.links = append(p.links, l)
	switch {
	case p.current == nil || p.reference || p.prefers(l, p.current):
		p.switchTo(l)
	default:
		// The current link stays if it answers the ping.
		p.current.probe.Store(l.clock.in(probeTimeout))
		p.ping(p.current)
		if l.dialled {
			l.fail(core.CloseDuplicate, core.ErrReplaced)
		}
	}
	return true, first
}

// prefers reports whether l should replace old. Of two links with the same dialler, the
// later one wins; otherwise the one that the node with the smaller id dialled. Both nodes
// come to the same result.
func (p *peer) prefers(l, old *link) bool {
	if l.dialled == old.dialled {
		return l.id > old.id
	}
	return l.dialled == (p.node.id < p.id)
}

// switchTo makes l the link on which messages are sent. The old link ends when the peer
// has switched to l, too; messages that may have been lost on the old link are sent
// again.
func (p *peer) switchTo(l *link) {
	old := p.current
	p.current = l
	if p.reference {
		if old != nil {
			old.fail(core.CloseDuplicate, core.ErrReplaced)
		}
		p.queue.resize(l.messageStreams())
		l.open = true
		l.signalAll()
		return
	}
	p.beginSending(l)
}

// remove removes a link that has ended. Without any link left the peer is given up,
// unless it may resume.
func (p *peer) remove(l *link) {
	p.mu.Lock()
	p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
	if p.in.link == l {
		p.in.link = nil
	}
	if p.current == l {
		p.fallBack(l)
	}
	p.refusing = p.refusing || refuses(l.err)
	p.lastDialled, p.lastEnd = l.dialled, l.err
	last := len(p.links) == 0
	suspended := last && p.mayResume(l)
	switch {
	case suspended:
		p.suspend()
	case last:
		p.end()
	}
	p.mu.Unlock()
	p.releaseFrames(l.err)
	switch {
	case suspended:
		p.node.peerSuspended(p, l)
	case last:
		p.node.peerDown(p, l.err)
	default:
		p.tellGaps()
	}
}

// fallBack switches to another link after the current one has ended; p.mu is held.
func (p *peer) fallBack(ended *link) {
	p.current = nil
	for _, other := range p.links {
		switch {
		case other.open && !ended.open:
			p.current = other // the session never left this link
			other.signalAll()
			return
		case other.open:
			// The session has gone back to what was acknowledged before it moved to the
			// ended link, and may have lost messages since. The START that was sent on
			// this older link does not say so; so this link is of no use.
			other.fail(core.CloseDuplicate, core.ErrReplaced)
		case p.current == nil || p.prefers(other, p.current):
			p.switchTo(other)
		}
	}
}

// settle ends all links but l, if both nodes use l; p.mu is held.
func (p *peer) settle(l *link) {
	if p.current != l || p.in.link != l {
		return
	}
	for _, other := range p.links {
		if other != l {
			other.fail(core.CloseDuplicate, core.ErrReplaced)
		}
	}
}

// refuses reports whether a peer has ended a link because it does not take a frame:
// usually because the frame is larger than the peer's limit.
func refuses(err error) bool {
	closed, ok := errors.AsType[*core.CloseError](err)
	return ok && closed.Code == core.CloseTooLarge.Code
}

// push queues a message and reports whether it did. It never blocks: a peer whose queue
// overflows is cut. Calls to observers are added to later.
func (p *peer) push(f *frame, later *deferred) bool { return p.put(f, later) != putDropped }

// put is push, and also reports whether the peer has no link, so that the frame waits for
// one.
func (p *peer) put(f *frame, later *deferred) outcome {
	p.mu.Lock()
	if p.down {
		p.mu.Unlock()
		if next := p.node.nextLife(p, f); next != nil {
			return next.put(f, later)
		}
		p.drop(f, later)
		return putDropped
	}
	if p.cutting {
		if !f.volatile {
			p.out.lost = p.out.lost.add(f.kind, 1)
		}
		p.mu.Unlock()
		p.drop(f, later)
		return putDropped
	}
	result, dropped, lost := p.enqueue(f)
	if result == full {
		if p.queue.keeps {
			p.out.lost = p.out.lost.add(f.kind, 1)
		}
		p.cut(backlog.Full, later)
	}
	p.out.lost = p.out.lost.addAll(lost)
	l, fifo, linked := p.current, p.queue.fifo(f), len(p.links) > 0
	p.mu.Unlock()
	for _, f := range dropped {
		p.drop(f, later)
		f.release()
	}
	switch {
	case result != queued:
		p.drop(f, later)
		return putDropped
	case l != nil:
		l.signalFifo(fifo)
	}
	if !linked {
		return putHeld
	}
	return putQueued
}

// outcome is what has become of a frame for one peer.
type outcome uint8

const (
	putDropped outcome = iota
	putQueued
	putHeld // queued, but the peer has no link
)

// enqueue adds a message to the queue. It returns the messages that were dropped to make
// space for it, and counts of those that are lost; p.mu is held.
func (p *peer) enqueue(f *frame) (result pushed, dropped []*frame, lost lostKinds) {
	if len(p.links) == 0 {
		return p.queue.pushUnlinked(f)
	}
	result, dropped = p.queue.push(f)
	return result, dropped, nil
}

// drop counts a frame that is not sent.
func (p *peer) drop(f *frame, later *deferred) {
	kind := f.kind
	later.add(func() { p.counts.dropped(p.id, kind, core.ErrSlowPeer) })
}

// cut ends the links of a peer that does not keep up; p.mu is held.
func (p *peer) cut(reason backlog.Reason, later *deferred) {
	p.cutting = true
	slow := p.queue.slow(reason)
	p.counts.cut[reason].Add(1)
	later.add(func() {
		p.logLimit.Log(p.log, slog.LevelWarn, "slow "+p.id, "peer is too slow: cutting it", "reason", slow.Reason,
			"queued_messages", slow.Messages, "queued_bytes", human.Size(slow.Bytes), "behind_for", slow.Behind.Round(time.Millisecond))
	})
	err := fmt.Errorf("%w: %s", core.ErrSlowPeer, slow.Detail())
	for _, l := range p.links {
		l.fail(core.CloseSlowPeer, err)
	}
}

// probe pings the links of a peer, and ends those that do not answer within a time.
func (p *peer) probe(within time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reference {
		return
	}
	for _, l := range p.links {
		if l.probe.Load() == 0 {
			l.probe.Store(l.clock.in(within))
			p.ping(l)
		}
	}
}

// maxEchoes is the number of pongs and other answers that may wait for a peer: a peer
// that sends pings and does not read cannot make this node queue more.
const maxEchoes = 64

// echo queues a ping or a pong.
func (p *peer) echo(l *link, frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(l.signals) < maxEchoes {
		p.control(l, frame)
	}
}

// control queues a control frame, which is not a message; p.mu is held.
func (p *peer) control(l *link, frame []byte) {
	l.signals = append(l.signals, frame)
	l.signal()
}

// next returns what a stream should send next: control frames, if it is the stream for
// them, and messages, if its link is the current one and is not being probed. A call also
// says that the stream has written what the last call returned.
func (p *peer) next(s *stream, control [][]byte, batch []*frame) ([][]byte, []*frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := s.link
	if s.busy {
		s.busy = false
		l.writing--
	}
	if p.current == l && l.open && s.fifo >= 0 && l.probe.Load() == 0 {
		batch = p.queue.take(s.fifo, batch)
		l.sent += int64(len(batch))
		if len(batch) > 0 && s.number == 0 {
			p.ackIfDue(l, ackBeside)
		}
	}
	if s.number == 0 && len(l.signals) > 0 {
		control = append(control, l.signals...)
		clear(l.signals)
		l.signals = l.signals[:0]
	}
	if len(control)+len(batch) > 0 {
		s.busy = true
		l.writing++
	} else if l.writing == 0 && len(l.signals) == 0 {
		p.idle(l)
	}
	return control, batch
}

// idle is called when everything for a link has been written.
func (p *peer) idle(l *link) {
	if p.draining && p.current == l && l.open && p.queue.waiting == 0 {
		p.written(l)
	}
}

// sent is called after a batch of a fifo was written, or, with err, when its writing has
// failed and the batch may be lost with its link.
func (p *peer) sent(fifo int, batch []*frame, err error) {
	if len(batch) == 0 {
		return
	}
	bytes := 0
	for _, f := range batch {
		if err == nil {
			bytes += len(f.bytes)
			p.counts.sent(p.id, f.kind, len(f.bytes))
		} else if !p.queue.keeps {
			p.counts.dropped(p.id, f.kind, err)
		}
	}
	if err == nil {
		p.traffic.out.addAll(len(batch), bytes)
	}
	var few [batchMessages / 8]*frame
	p.mu.Lock()
	done := p.queue.sent(fifo, batch, few[:0])
	l := p.current
	waited := l != nil && !l.open
	if waited {
		p.goBack(l)
	}
	p.mu.Unlock()
	p.node.capacity.signal()
	for _, f := range done {
		f.release()
	}
	if waited {
		p.tellGaps()
	}
}

// fail ends all links.
func (p *peer) fail(reason core.CloseReason, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.fail(reason, err)
	}
}

// dropInbound counts and logs a message of the peer that this node ignores.
func (p *peer) dropInbound(kind core.Kind, why error) {
	p.counts.ignored(p.id, kind, why)
	p.logLimit.Log(p.log, slog.LevelWarn, p.id+kind.String(), "ignoring a message of this peer", "kind", kind, "error", why)
}

// mark notes that a namespace is open on the peer, and reports whether that is new.
func (p *peer) mark(namespace string, now int64) bool {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	_, known := p.open[namespace]
	switch {
	case known:
		p.open[namespace] = now
	case len(p.open) < maxNamespaces && p.openBytes+len(namespace) <= maxNamespaceBytes:
		p.open[namespace] = now
		p.openBytes += len(namespace)
	}
	return !known
}

// unmark notes that a namespace is closed on the peer.
func (p *peer) unmark(namespace string) {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	if _, known := p.open[namespace]; known {
		delete(p.open, namespace)
		p.openBytes -= len(namespace)
	}
}

// has reports whether a namespace is open on the peer.
func (p *peer) has(namespace string) bool {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	_, ok := p.open[namespace]
	return ok
}

// silentSince lists the namespaces in which the peer has sent nothing since then.
func (p *peer) silentSince(then int64) []string {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	var names []string
	for name, heard := range maps.All(p.open) {
		if heard < then {
			names = append(names, name)
		}
	}
	return names
}

// stats is a snapshot of the peer.
func (p *peer) stats() core.PeerStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := core.PeerStats{
		PeerInfo:       p.info(),
		Reconnects:     p.reconnects,
		RoundTrip:      p.trip.smoothed,
		LastRoundTrip:  p.trip.last,
		Sent:           p.traffic.out.load(),
		Received:       p.traffic.in.load(),
		QueuedMessages: p.queue.waiting + p.queue.writing,
		QueuedBytes:    p.queue.bytes,
		UnackedBytes:   p.queue.unacked,
		Suspended:      p.unlinkedSince,
	}
	for _, l := range p.links {
		if heard := l.clock.at(l.heard.Load()); heard.After(s.Heard) {
			s.Heard = heard
		}
		if l == p.current || p.current == nil {
			s.Dialled, s.LinkSince = l.dialled, l.since
		}
	}
	return s
}
