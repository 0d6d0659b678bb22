package node

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// link is one connection to a peer, after the handshake. A reader and a
// writer serve each of its streams, and one more goroutine waits for the end and
// tidies up.
type link struct {
	peer       *peer
	cfg        *core.Config
	counts     *stats
	clock      clock
	conn       core.Conn
	id         string // the dialler's name for it; "" with reference peers
	dialled    bool   // by this node
	streams    []*stream
	batchLimit int // size of BATCH frames, in bytes; 0 if the peer does not take them

	heard       atomic.Int64 // when something was last received, on the clock
	reading     atomic.Int32 // streams that have not ended
	dispatching atomic.Int32 // readers that are not reading, but delivering
	probe       atomic.Int64 // when it must have proven to be alive, on the clock; 0 if it need not
	pinged      int64        // when it was last pinged for the heartbeat, on the clock; heartbeat's own

	confirmed    bool            // the reference peer has sent something under its id; the reader's own
	inbound      core.Codec      // in which the peer writes; set before started is closed
	received     []atomic.Uint64 // the counters of the peer's session; set before started is closed
	session      string          // of the peer's messages; likewise
	skip         []uint64        // messages of each sequence that are here already; each of its reader's own once started is closed
	started      chan struct{}   // closed when the peer's messages may be taken
	arrived      atomic.Int64    // messages of the peer that were delivered
	flushing     atomic.Int64    // messages of the peer that it wants to know of when they are here; -1 if it does not
	readersEnded chan struct{}   // closed when no more messages come
	acked        []*frame        // for ack; its reader's own
	full         fullNamespaces
	work         sync.WaitGroup // what waits for capacity

	// Guarded by the peer's lock.
	since        time.Time // when it was taken up
	pings        pings
	signals      [][]byte  // control frames, which go before messages
	open         bool      // START was sent: messages may be
	turn         uint64    // in the order in which this node uses links
	asking       int       // SYNCs that were not answered
	synced       *ack      // the answer to the last one
	told         lostKinds // what START has told of and the peer has not confirmed
	saidReceived uint64    // messages of the peer's session that it knows to be here
	saidAt       time.Time // when it was last told so in its turn
	sent         int64     // messages taken from the queue for this link
	asked        bool      // whether they have arrived
	writing      int       // streams on which something is being written

	stop   chan struct{} // closed by fail
	once   sync.Once
	reason core.CloseReason // both written before stop is closed
	err    error
}

// newLink makes a link of a connection after its handshake.
func (p *peer) newLink(conn core.Conn, id string, dialled bool) *link {
	l := &link{
		peer:         p,
		cfg:          p.cfg,
		counts:       p.counts,
		clock:        p.node.clock,
		conn:         conn,
		since:        time.Now(),
		id:           id,
		dialled:      dialled,
		started:      make(chan struct{}),
		readersEnded: make(chan struct{}),
		stop:         make(chan struct{}),
	}
	l.streams = l.newStreams()
	l.reading.Store(int32(len(l.streams)))
	l.flushing.Store(-1)
	if p.reference {
		l.inbound = p.cfg.Codecs[p.codec]
	}
	if p.batches {
		l.batchLimit = min(packedSize, p.cfg.MaxFrame)
	}
	l.heard.Store(l.clock.now())
	return l
}

// fail ends the link, without blocking. The first reason counts.
func (l *link) fail(reason core.CloseReason, err error) {
	l.once.Do(func() {
		l.reason, l.err = reason, err
		close(l.stop)
	})
}

// run serves the link until it fails, and returns when nothing of it is left.
func (l *link) run() {
	var readers, writers sync.WaitGroup
	for _, s := range l.streams {
		readers.Go(s.read)
		writers.Go(s.write)
	}
	<-l.stop
	var closing sync.WaitGroup
	closing.Go(func() { l.conn.Close(l.reason) }) // a dead peer takes its time
	readers.Wait()
	close(l.readersEnded)
	writers.Wait()
	l.work.Wait()
	l.peer.remove(l)
	closing.Wait()
}

// messageStreams is how many of the streams carry messages.
func (l *link) messageStreams() int { return max(1, len(l.streams)-1) }

// signal tells the writer of control frames that there may be something to send.
func (l *link) signal() { l.streams[0].signal() }

// signalFifo tells the writer of that fifo's messages that there may be some.
func (l *link) signalFifo(fifo int) { l.streams[len(l.streams)-l.messageStreams()+fifo].signal() }

// signalAll tells all writers.
func (l *link) signalAll() {
	for _, s := range l.streams {
		s.signal()
	}
}

// otherPeerError says that another reference peer than expected answers at an
// address. Its messages are the first to tell, for it never answers HELLO.
type otherPeerError struct{ id string }

func (e *otherPeerError) Error() string {
	return fmt.Sprintf("another peer than expected is at this address: %.64q", e.id)
}

func (l *link) alive() {
	l.heard.Store(l.clock.now())
	if l.probe.Swap(0) != 0 {
		l.signalAll() // messages have waited for this
	}
}

// readError tells a goodbye from a failure.
func readError(err error) error {
	var closed *core.CloseError
	switch {
	case errors.As(err, &closed) && closed.CloseReason == core.CloseShutdown:
		return fmt.Errorf("%w: %w", core.ErrPeerLeft, err)
	case errors.As(err, &closed) && closed.CloseReason == core.CloseSlowPeer:
		return fmt.Errorf("%w: this node, says the peer: %w", core.ErrSlowPeer, err)
	case errors.Is(err, net.ErrClosed):
		return err
	}
	return fmt.Errorf("receive: %w", err)
}

// control takes a frame of a Go node that is no message.
func (l *link) control(src []byte) error {
	switch src[0] {
	case framePing:
		l.peer.echo(l, pongFrame)
	case framePong:
		l.peer.pong(l)
	case frameStart:
		return l.start(src)
	case frameSync:
		return l.sync(src)
	case frameAck:
		return l.peer.ack(l, src)
	case framePause:
		l.peer.setPaused(l, string(src[1:]), true)
	case frameContinue:
		l.peer.setPaused(l, string(src[1:]), false)
	case frameLost:
		l.peer.node.heardLost(string(src[1:]), l.peer)
	case frameFlush:
		return l.flush(src)
	case frameFlushed:
		l.peer.flushed()
	case frameAsk:
		return l.takeQuestion(src)
	case frameAnswer:
		a, err := decodeAnswer(src)
		if err != nil {
			return err
		}
		l.peer.node.asks.take(l.peer, a)
	default:
		l.peer.dropInbound(0, fmt.Errorf("%w: frame kind %#x", core.ErrUnsupported, src[0]))
	}
	return nil
}

// awaitStart holds up the messages of a stream, which may overtake the START that
// goes before them. It reports false if the link has ended.
func (l *link) awaitStart() bool {
	select {
	case <-l.started:
		return true
	case <-l.stop:
		return false
	}
}

// messages takes those of a BATCH frame.
func (s *stream) messages(src []byte) error {
	err := unpack(src, s.message)
	if errors.Is(err, errBatch) {
		s.link.peer.dropInbound(0, err)
		return nil
	}
	return err
}

// message takes one message, which is what follows the kind of its frame.
func (s *stream) message(src []byte) error {
	l := s.link
	if l.inbound == nil {
		return fmt.Errorf("%w: message before start", core.ErrMalformed)
	}
	if s.isHere() {
		return nil
	}
	namespace, capacity, err := s.deliver(src)
	s.arrive(len(src))
	if capacity != nil {
		s.assembled()
		l.awaitCapacity(namespace, capacity, len(src))
	}
	return err
}

// interest takes an update of the peer's rooms. It counts as a message.
func (s *stream) interest(src []byte) error {
	l := s.link
	if l.inbound == nil {
		return fmt.Errorf("%w: interest before start", core.ErrMalformed)
	}
	if s.isHere() {
		return nil
	}
	l.peer.traffic.in.add(1 + len(src))
	l.counts.received(l.peer.id, core.KindInterest, 1+len(src))
	namespace, update, err := decodeInterest(src)
	if err != nil {
		l.peer.dropInbound(core.KindInterest, err)
		l.peer.doubtInterest() // it may have told of rooms
	} else {
		l.peer.takeInterest(namespace, update)
	}
	s.arrive(len(src))
	return nil
}

// isHere tells whether the message has arrived on an earlier link, and counts it on this
// one.
func (s *stream) isHere() bool {
	l := s.link
	if len(l.skip) == 0 || l.skip[s.fifo] == 0 {
		return false
	}
	l.skip[s.fifo]--
	l.arrived.Add(1)
	l.answerFlush()
	return true
}

// arrive counts a message that was delivered, and says so to the peer now and then.
func (s *stream) arrive(size int) {
	l := s.link
	l.arrived.Add(1)
	if l.received != nil {
		l.received[s.fifo].Add(1)
		s.unsaidMessages++
		if s.unsaidBytes += size; s.unsaidMessages >= ackMessages || s.unsaidBytes >= ackBytes {
			s.unsaidMessages, s.unsaidBytes = 0, 0
			l.peer.ackNow(l)
		}
	}
	l.answerFlush()
}

// deliver delivers a message. It returns the channel of [core.Receiver].Receive, with
// the namespace it is for.
func (s *stream) deliver(src []byte) (namespace string, capacity <-chan struct{}, err error) {
	l, m := s.link, new(core.Message)
	if err := l.inbound.Decode(src, m); err != nil {
		l.peer.dropInbound(0, err)
		return "", nil, nil
	}
	// The codecs of this module stop there while they decode; an application's may not.
	if limit := l.peer.node.maxSockets; len(m.Sockets) > limit {
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %d sockets in one answer, limit %d", core.ErrMalformed, len(m.Sockets), limit))
		return "", nil, nil
	}
	l.peer.traffic.in.add(1 + len(src))
	if !l.peer.heardOnce.Load() { // other goroutines read what is beside it
		l.peer.heardOnce.Store(true)
	}
	l.counts.received(l.peer.id, m.Kind, 1+len(src))
	s.arriving(m)
	if !maySend(l.peer.role, m) {
		l.peer.forbid(m.Kind)
		return "", nil, nil
	}
	switch m.From {
	case core.EmitterID:
		return m.Namespace, l.deliverEmitted(m), nil
	case l.peer.id:
	default:
		if l.peer.reference && l.dialled && !l.confirmed {
			return "", nil, &otherPeerError{m.From}
		}
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %.64q", core.ErrForged, m.From))
		return "", nil, nil
	}
	if l.peer.reference {
		l.confirmed = true
	}
	return m.Namespace, l.peer.node.deliver(l.peer, m), nil
}

// deliverEmitted takes a message of an emitter, as one of the link's peer: in order
// with the others of that link, and of no other. It does not make the peer a server
// of the namespace, nor tell who a reference peer is.
func (l *link) deliverEmitted(m *core.Message) (capacity <-chan struct{}) {
	if !emittable(m) {
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %q may act on clients, and not ask or answer", core.ErrForged, core.EmitterID))
		return nil
	}
	m.From = l.peer.id
	return l.peer.node.hand(l.peer, m)
}

// emittable tells whether an emitter may send m.
func emittable(m *core.Message) bool {
	switch m.Kind {
	case core.KindBroadcast, core.KindServerSideEmit, core.KindSocketsJoin, core.KindSocketsLeave, core.KindSocketsLeaveAll, core.KindDisconnectSockets:
		return m.RequestID == ""
	}
	return false
}
