package node

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/human"
	"github.com/socketmesh/mesh/internal/loglimit"
)

// probeTimeout is how long a link has to answer when the peer has opened another
// one beside it.
const probeTimeout = 2 * time.Second

// maxNamespaces bounds what a peer may announce.
const maxNamespaces = 1 << 16

// peer is another node, for as long as there is a link to it. Its queue belongs
// to it and not to a link, so that what waits goes on over a newer link.
//
// Mostly there is one link. There are more while one replaces another: where
// both nodes dialled, the connection of the one with the smaller id stays. The
// sender then finishes the old link and starts the new one "behind" it, and the
// receiver takes the new link's messages when the old one's have ended: nothing
// is lost and nothing overtakes.
type peer struct {
	node          *Node // for what concerns all peers: who comes and goes, and what they send
	cfg           *core.Config
	counts        *stats
	logLimit      *loglimit.Limiter
	id            string
	address       string
	remote        string
	reference     bool
	version       int  // of the protocol; 0 with reference peers
	codec         int  // index in the node's codecs: in which we write
	referenceOnly bool // knows the reference's kinds only
	batches       bool // takes BATCH frames
	flushes       bool // answers FLUSH frames
	answers       bool // answers ASK frames
	wantsInterest bool // wants to be told of rooms, and tells of its own
	interest      remoteInterest
	since         time.Time
	log           *slog.Logger
	gone          chan struct{} // closed when the last link has ended
	drained       chan struct{} // closed when all was sent and taken, once drain was called

	received   atomic.Uint64 // messages, on all links and in earlier lives
	in, out    traffic       // in this life
	reconnects uint64        // earlier lives
	asking     atomic.Int32  // questions of it that are being answered

	mu       sync.Mutex
	links    []*link
	current  *link // the one we send on; nil if none can be
	queue    queue
	taken    uint64    // messages taken from the queue, ever
	mute     time.Time // since when there is no current link, but still one to hear the peer on
	trip     roundTrip
	down     bool
	cutting  bool // too slow: nothing is queued any more
	draining bool

	started    bool // a stream of its messages has begun
	remembered bool // received is all there was

	openMu sync.Mutex
	open   map[string]int64 // namespaces it has, with the time it last spoke there, in ns
}

func newPeer(n *Node, h *hello, remote string, on terms) *peer {
	p := &peer{
		node:          n,
		cfg:           &n.cfg,
		counts:        &n.stats,
		logLimit:      &n.logLimit,
		id:            h.uid,
		address:       h.address,
		remote:        remote,
		reference:     h.offer == nil,
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
		wantsInterest: h.offers(featureInterest),
		open:          map[string]int64{},
	}
	p.referenceOnly = p.reference || n.cfg.Codecs[on.codec].Name() == referenceCodec
	return p
}

// queueLimits are for what waits for a peer.
func queueLimits(c *core.Config) backlog.Limits {
	return backlog.Limits{Soft: c.QueueBytes, Hard: c.MaxQueueBytes, Rate: c.QueueMinRate, Grace: c.QueueSlowTime}
}

func (p *peer) info() core.PeerInfo {
	return core.PeerInfo{
		ID: p.id, Address: p.address, Remote: p.remote, Reference: p.reference,
		Version: p.version, Codec: p.cfg.Codecs[p.codec].Name(), Since: p.since,
	}
}

// add takes up a link; it reports false if the peer has just gone.
func (p *peer) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false
	}
	p.links = append(p.links, l)
	switch {
	case p.current == nil || p.reference || p.prefers(l, p.current):
		p.switchTo(l)
	default:
		// The other link stays, if it is alive. The peer's part of the
		// exchange is in finishedBy.
		p.current.probe.Store(time.Now().Add(probeTimeout).UnixNano())
		p.ping(p.current)
		if l.dialled {
			p.finish(l)
		}
	}
	return true
}

// prefers tells whether l is to replace old: a later one of the same dialler is,
// and so is the one that the node with the smaller id dialled. Both nodes come to
// the same answer.
func (p *peer) prefers(l, old *link) bool {
	if l.dialled == old.dialled {
		return l.id > old.id
	}
	return l.dialled == (p.node.id < p.id)
}

// switchTo sends on l from now on.
func (p *peer) switchTo(l *link) {
	old := p.current
	p.current, p.mute = l, time.Time{}
	p.queue.resize(l.messageStreams())
	if p.reference {
		if old != nil {
			old.fail(core.CloseDuplicate, core.ErrReplaced)
		}
		l.signalAll()
		return
	}
	s := start{codec: p.cfg.Codecs[p.codec].Name(), sent: p.taken}
	if old != nil {
		s.prev = old.id
		p.finish(old)
	}
	p.control(l, appendStart(nil, s))
	l.signalAll() // for what has waited
}

// finish says on l that no more messages will come there.
func (p *peer) finish(l *link) {
	if l.finished.IsZero() {
		l.finished = time.Now()
		p.control(l, appendSent(nil, frameFinish, l.sent))
	}
}

// finishedBy notes that the peer sends no more messages on l. If we do not
// either, it can be closed; next does it when all is written.
func (p *peer) finishedBy(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.theyFinish = true
	if p.current != l {
		p.finish(l)
	}
	l.signal()
}

// remove gives up a link that has ended. With the last one the peer is gone. One
// on which we have finished stays for a while to hear the peer out: if it had not
// yet taken up the link that ended, it still sends on this one.
func (p *peer) remove(l *link) {
	p.mu.Lock()
	p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
	resumed := false
	if p.current == l {
		p.current = nil
		if i := slices.IndexFunc(p.links, func(other *link) bool { return other.finished.IsZero() }); i >= 0 {
			p.switchTo(p.links[i])
			resumed = true
		}
	}
	if p.current == nil && p.mute.IsZero() {
		p.mute = time.Now()
	}
	down := len(p.links) == 0
	var lost []*frame
	if down {
		p.down = true
		p.taken += uint64(p.queue.waiting)
		lost = p.queue.discard()
	}
	p.mu.Unlock()
	for _, f := range lost {
		p.counts.dropped(p.id, f.kind, l.err)
		f.release()
	}
	switch {
	case down:
		p.node.peerDown(p, l)
	case resumed:
		var later deferred
		p.node.announce(p, &later)
		later.run()
	}
}

// linkNamed finds a live link by its dialler's name for it.
func (p *peer) linkNamed(id string) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		if l.id == id && id != "" {
			return l
		}
	}
	return nil
}

// push queues a message. It never blocks: a peer whose queue overflows is cut. Who
// is to be told of what is lost is told later.
// It reports whether the message is queued.
func (p *peer) push(f *frame, later *deferred) bool {
	p.mu.Lock()
	if p.down || p.cutting {
		p.mu.Unlock()
		p.drop(f, later)
		return false
	}
	result, lost := p.queue.push(f)
	if result == full {
		p.cut(backlog.Full, later)
	}
	l, fifo := p.current, p.queue.fifo(f)
	p.mu.Unlock()
	for _, f := range lost {
		p.drop(f, later)
		f.release()
	}
	switch {
	case result != queued:
		p.drop(f, later)
	case l != nil:
		l.signalFifo(fifo)
	}
	return result == queued
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

// maxEchoes bounds what a peer can make us owe it by sending pings without
// reading.
const maxEchoes = 64

// echo queues a ping or a pong.
func (p *peer) echo(l *link, frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(l.signals) < maxEchoes {
		p.control(l, frame)
	}
}

// control queues a frame that is no message; p.mu is held.
func (p *peer) control(l *link, frame []byte) {
	l.signals = append(l.signals, frame)
	l.signal()
}

// next collects what a stream is to send: control frames, if it is the one for
// them, and messages if its link is the current one and not in doubt. What it
// returned before has been written.
func (p *peer) next(s *stream, control [][]byte, batch []*frame) ([][]byte, []*frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := s.link
	if s.busy {
		s.busy = false
		l.writing--
	}
	if s.number == 0 {
		control = append(control, l.signals...)
		clear(l.signals)
		l.signals = l.signals[:0]
	}
	if p.current == l && s.fifo >= 0 && l.probe.Load() == 0 {
		batch = p.queue.take(s.fifo, batch)
		p.taken += uint64(len(batch))
		l.sent += int64(len(batch))
	}
	if len(control)+len(batch) > 0 {
		s.busy = true
		l.writing++
	} else if l.writing == 0 && len(l.signals) == 0 {
		p.idle(l)
	}
	return control, batch
}

// idle is called when all that was to be sent on a link has been written.
func (p *peer) idle(l *link) {
	if !l.finished.IsZero() && l.theyFinish {
		l.fail(core.CloseDuplicate, core.ErrReplaced)
	}
	if p.draining && p.current == l && p.queue.waiting == 0 {
		p.written(l)
	}
}

// sent gives back a batch that was written, or lost with its link.
func (p *peer) sent(batch []*frame, err error) {
	if len(batch) == 0 {
		return
	}
	p.mu.Lock()
	p.queue.sent(batch)
	p.mu.Unlock()
	bytes := 0
	for _, f := range batch {
		if err == nil {
			bytes += len(f.bytes)
			p.counts.sent(p.id, f.kind, len(f.bytes))
		} else {
			p.counts.dropped(p.id, f.kind, err)
		}
		f.release()
	}
	if err == nil {
		p.out.addAll(len(batch), bytes)
	}
}

// deliver delivers a message of the peer.
func (p *peer) deliver(m *core.Message) { p.node.deliver(p, m) }

// hand delivers a message that does not show that the peer has the namespace.
func (p *peer) hand(m *core.Message) { p.node.hand(p, m) }

// fail ends all links.
func (p *peer) fail(reason core.CloseReason, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.fail(reason, err)
	}
}

// resume begins a stream of the peer's messages. It compares what the peer says it
// had sent with what has arrived. A peer that begins anew had lost us, and with us
// the requests we wait for.
func (p *peer) resume(s start) {
	p.mu.Lock()
	remembered, again := p.remembered, p.started
	p.remembered, p.started = true, true
	p.mu.Unlock()
	if received := p.received.Load(); s.sent > received {
		p.received.Store(s.sent)
		if remembered {
			p.counts.gap(p.id, s.sent-received)
			p.log.Warn("messages of this peer were lost with an earlier link", "lost", s.sent-received)
		}
		p.interest.doubt()
	}
	if again && s.prev == "" {
		p.interest.doubt()
		p.node.peerLostUs(p)
	}
}

// departed is what is kept of the peer when it goes.
func (p *peer) departed() departedPeer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return departedPeer{sent: p.taken, received: p.received.Load(), reconnects: p.reconnects, at: time.Now()}
}

// dropInbound counts a message of the peer that is not taken.
func (p *peer) dropInbound(kind core.Kind, why error) {
	p.counts.ignored(p.id, kind, why)
	p.logLimit.Log(p.log, slog.LevelWarn, p.id+kind.String(), "ignoring a message of this peer", "kind", kind, "error", why)
}

// mark notes that the peer has a namespace, and reports whether that is new.
func (p *peer) mark(namespace string, now int64) bool {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	_, known := p.open[namespace]
	if known || len(p.open) < maxNamespaces {
		p.open[namespace] = now
	}
	return !known
}

// unmark notes that it does not have it.
func (p *peer) unmark(namespace string) {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	delete(p.open, namespace)
}

// has tells whether the peer has a namespace.
func (p *peer) has(namespace string) bool {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	_, ok := p.open[namespace]
	return ok
}

// silentSince lists the namespaces in which nothing was heard since then.
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
		Sent:           p.out.load(),
		Received:       p.in.load(),
		QueuedMessages: p.queue.waiting + p.queue.writing,
		QueuedBytes:    p.queue.bytes,
	}
	for _, l := range p.links {
		if heard := time.Unix(0, l.received.Load()); heard.After(s.Heard) {
			s.Heard = heard
		}
		if l == p.current || p.current == nil {
			s.Dialled, s.LinkSince = l.dialled, l.since
		}
	}
	return s
}
