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

// link is one connection to a peer, after the handshake. Each of its streams has a reader
// and a writer; one more goroutine waits until the link ends and cleans up.
type link struct {
	peer       *peer
	cfg        *core.Config
	counts     *stats
	clock      clock
	conn       core.Conn
	id         string // the name that the dialler gave it; "" with reference peers
	dialled    bool   // by this node
	streams    []*stream
	batchLimit int // size of BATCH frames, in bytes; 0 if the peer does not take them

	heard       atomic.Int64 // when something was last received, on the clock
	reading     atomic.Int32 // streams whose reader has not reached their end
	dispatching atomic.Int32 // readers that are busy with a frame, or wait for memory, instead of reading
	probe       atomic.Int64 // by when it must have received something, on the clock; 0 if it is not being probed
	pinged      int64        // when the heartbeat last sent a ping, on the clock; used by the heartbeat alone

	confirmed    bool            // a reference peer has sent a message under the expected id; used by the reader alone
	inbound      core.Codec      // the codec in which the peer writes; set before started is closed
	received     []atomic.Uint64 // per sequence, messages received in the peer's session; set before started is closed
	session      string          // the peer's session; set before started is closed
	skip         []uint64        // per sequence, messages that an earlier link has delivered; each reader's own once started is closed
	started      chan struct{}   // closed after START: from then on the peer's messages are accepted
	arrived      atomic.Int64    // messages that this link has delivered
	flushing     atomic.Int64    // answer FLUSHED when arrived is this; -1 if the peer has not sent FLUSH
	readersEnded chan struct{}   // closed when all readers have ended
	acked        []*frame        // scratch space of ack; used by its reader alone
	full         fullNamespaces
	work         sync.WaitGroup // goroutines that wait for capacity

	// Guarded by the peer's lock.
	since        time.Time // when the handshake was done
	pings        pings
	signals      [][]byte  // control frames, which go before messages
	open         bool      // START was sent, so messages may be sent
	turn         uint64    // orders the links of this node by when it took them into use: see claim
	asking       int       // number of SYNCs without an answer
	synced       *ack      // the answer to the last SYNC
	told         lostKinds // the losses that START reported and the peer has not confirmed
	saidReceived uint64    // number of the peer's messages that were acknowledged so far
	saidAt       time.Time // when the heartbeat last acknowledged
	sent         int64     // messages taken from the queue for this link
	asked        bool      // FLUSH was sent
	writing      int       // streams that are writing

	stop   chan struct{} // closed by fail
	once   sync.Once
	reason core.CloseReason // reason and err are written before stop is closed
	err    error
}

// newLink makes a link from a connection after its handshake.
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

// run serves the link until it fails, and returns when all its goroutines have ended.
func (l *link) run() {
	var readers, writers sync.WaitGroup
	for _, s := range l.streams {
		readers.Go(s.read)
		writers.Go(s.write)
	}
	<-l.stop
	var closing sync.WaitGroup
	closing.Go(func() { l.conn.Close(l.reason) }) // Close may block if the peer is dead
	readers.Wait()
	close(l.readersEnded)
	writers.Wait()
	l.work.Wait()
	l.peer.remove(l)
	closing.Wait()
}

// messageStreams is the number of streams that carry messages.
func (l *link) messageStreams() int { return max(1, len(l.streams)-1) }

// signal wakes the writer of control frames.
func (l *link) signal() { l.streams[0].signal() }

// signalFifo wakes the writer of a fifo's messages.
func (l *link) signalFifo(fifo int) { l.streams[len(l.streams)-l.messageStreams()+fifo].signal() }

// signalAll wakes all writers.
func (l *link) signalAll() {
	for _, s := range l.streams {
		s.signal()
	}
}

// otherPeerError says that another reference peer than the expected one answers at an
// address. A reference peer does not answer HELLO, so its first message shows who it is.
type otherPeerError struct{ id string }

func (e *otherPeerError) Error() string {
	return fmt.Sprintf("another peer than expected is at this address: %.64q", e.id)
}

func (l *link) alive() {
	l.heard.Store(l.clock.now())
	if l.probe.Swap(0) != 0 {
		l.signalAll() // messages wait while a link is being probed
	}
}

// readError explains why reading has ended: the peer said goodbye, or the connection
// failed.
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

// control handles a control frame, which only Go nodes send.
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

// awaitStart blocks the reader of a numbered stream until START, which comes on another
// stream and may arrive later. It reports false if the link has ended.
func (l *link) awaitStart() bool {
	select {
	case <-l.started:
		return true
	case <-l.stop:
		return false
	}
}

// messages handles the messages of a BATCH frame.
func (s *stream) messages(src []byte) error {
	err := unpack(src, s.message)
	if errors.Is(err, errBatch) {
		s.link.peer.dropInbound(0, err)
		return nil
	}
	return err
}

// message handles one message: a frame without its first byte, the kind.
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

// interest handles an INTEREST frame, the update of the peer's rooms. It counts as a
// message.
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
		l.peer.doubtInterest() // the update may have added rooms
	} else {
		l.peer.takeInterest(namespace, update)
	}
	s.arrive(len(src))
	return nil
}

// isHere reports whether an earlier link has delivered this message already. If so, it
// counts the message for this link.
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

// arrive counts a message that was delivered, and sends an ACK after every ackMessages
// messages or ackBytes bytes.
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

// deliver decodes and delivers a message. It returns the message's namespace and the
// channel that [core.Receiver].Receive returned.
func (s *stream) deliver(src []byte) (namespace string, capacity <-chan struct{}, err error) {
	l, m := s.link, new(core.Message)
	if err := l.inbound.Decode(src, m); err != nil {
		l.peer.dropInbound(0, err)
		return "", nil, nil
	}
	// The codecs of this module enforce the limit while they decode; an application's own
	// codec may not.
	if limit := l.peer.node.maxSockets; len(m.Sockets) > limit {
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %d sockets in one answer, limit %d", core.ErrMalformed, len(m.Sockets), limit))
		return "", nil, nil
	}
	l.peer.traffic.in.add(1 + len(src))
	if !l.peer.heardOnce.Load() { // reading first: other goroutines read the fields beside it
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

// deliverEmitted delivers a message of an emitter as if the link's peer had sent it: in
// order with the peer's own messages. It does not make the peer a member of the
// namespace, and does not confirm the id of a reference peer.
func (l *link) deliverEmitted(m *core.Message) (capacity <-chan struct{}) {
	if !emittable(m) {
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %q may act on clients, and not ask or answer", core.ErrForged, core.EmitterID))
		return nil
	}
	m.From = l.peer.id
	return l.peer.node.hand(l.peer, m)
}

// emittable reports whether an emitter may send m.
func emittable(m *core.Message) bool {
	switch m.Kind {
	case core.KindBroadcast, core.KindServerSideEmit, core.KindSocketsJoin, core.KindSocketsLeave, core.KindSocketsLeaveAll, core.KindDisconnectSockets:
		return m.RequestID == ""
	}
	return false
}
