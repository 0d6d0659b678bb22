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
	handshakes *handshakes // those under way
	conn       core.Conn
	id         string // the dialler's name for it; "" with reference peers
	dialled    bool   // by this node
	streams    []*stream
	batchLimit int // size of BATCH frames, in bytes; 0 if the peer does not take them

	received    atomic.Int64 // when something was last received, in ns
	reading     atomic.Int32 // streams that have not ended
	dispatching atomic.Int32 // readers that are not reading, but delivering
	probe       atomic.Int64 // when it must have proven to be alive, in ns; 0 if it need not
	pinged      int64        // when it was last pinged for the heartbeat, in ns; heartbeat's own

	confirmed    bool          // the reference peer has sent something under its id; the reader's own
	inbound      core.Codec    // in which the peer writes; set before started is closed
	started      chan struct{} // closed when the peer's messages may be taken
	arrived      atomic.Int64  // messages of the peer that were delivered
	announced    atomic.Int64  // messages of the peer, all told; -1 until it has finished
	flushing     atomic.Int64  // messages of the peer that it wants to know of when they are here; -1 if it does not
	inboundEnded chan struct{} // closed when no more messages come
	endInbound   sync.Once

	// Guarded by the peer's lock.
	since      time.Time // when it was taken up
	pings      pings
	signals    [][]byte  // control frames, which go before messages
	sent       int64     // messages taken from the queue for this link
	asked      bool      // whether they have arrived
	writing    int       // streams on which something is being written
	finished   time.Time // when this side said that it sends no more messages; zero if it has not
	theyFinish bool      // the peer said so, and all it sent has arrived

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
		handshakes:   &p.node.handshakes,
		conn:         conn,
		since:        time.Now(),
		id:           id,
		dialled:      dialled,
		started:      make(chan struct{}),
		inboundEnded: make(chan struct{}),
		stop:         make(chan struct{}),
	}
	l.streams = l.newStreams()
	l.reading.Store(int32(len(l.streams)))
	l.announced.Store(-1)
	l.flushing.Store(-1)
	if p.reference {
		l.inbound = p.cfg.Codecs[p.codec]
	}
	if p.batches {
		l.batchLimit = min(packedSize, p.cfg.MaxFrame)
	}
	l.received.Store(time.Now().UnixNano())
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
	l.conn.Close(l.reason)
	readers.Wait()
	l.endInbound.Do(func() { close(l.inboundEnded) })
	writers.Wait()
	l.peer.remove(l)
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
	l.received.Store(time.Now().UnixNano())
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
	case frameFinish:
		return l.finish(src)
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

// start prepares for the peer's messages, which may continue those of another
// link: then it waits until that one has delivered its last.
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
	if !l.awaitEnd(s.prev) {
		return l.err
	}
	l.peer.resume(s)
	close(l.started)
	return nil
}

// awaitEnd waits until the link of this name, which may be just coming up, has
// delivered its last message. It reports false if this one has ended before.
func (l *link) awaitEnd(name string) bool {
	if done := l.handshakes.of(name); done != nil {
		select {
		case <-done:
		case <-l.stop:
			return false
		}
	}
	prev := l.peer.linkNamed(name)
	if prev == nil || prev == l {
		return true
	}
	select {
	case <-prev.inboundEnded:
		return true
	case <-l.stop:
		return false
	}
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

// finish notes that no more messages come on this link, but for those that are
// under way on other streams.
func (l *link) finish(src []byte) error {
	sent, err := decodeSent(src)
	if err != nil {
		return err
	}
	if len(l.streams) == 1 {
		sent = 0 // all are before it
	}
	l.announced.Store(sent)
	l.endIfComplete()
	return nil
}

// endIfComplete ends the peer's messages when all it has announced were
// delivered.
func (l *link) endIfComplete() {
	if announced := l.announced.Load(); announced >= 0 && l.arrived.Load() >= announced {
		l.endInbound.Do(func() {
			close(l.inboundEnded)
			l.peer.finishedBy(l)
		})
	}
}

// messages takes those of a BATCH frame.
func (l *link) messages(src []byte) error {
	err := unpack(src, l.message)
	if errors.Is(err, errBatch) {
		l.peer.dropInbound(0, err)
		return nil
	}
	return err
}

// message takes one message, which is what follows the kind of its frame.
func (l *link) message(src []byte) error {
	if l.inbound == nil {
		return fmt.Errorf("%w: message before start", core.ErrMalformed)
	}
	l.peer.received.Add(1)
	err := l.deliver(src)
	l.arrive()
	return err
}

// arrive counts a message that was delivered.
func (l *link) arrive() {
	l.arrived.Add(1)
	l.endIfComplete()
	l.answerFlush()
}

// interest takes an update of the peer's rooms. It counts as a message.
func (l *link) interest(src []byte) error {
	if l.inbound == nil {
		return fmt.Errorf("%w: interest before start", core.ErrMalformed)
	}
	l.peer.received.Add(1)
	l.peer.in.add(1 + len(src))
	l.counts.received(l.peer.id, core.KindInterest, 1+len(src))
	namespace, update, err := decodeInterest(src)
	if err != nil {
		l.peer.dropInbound(core.KindInterest, err)
	} else {
		l.peer.interest.take(namespace, update)
	}
	l.arrive()
	return nil
}

func (l *link) deliver(src []byte) error {
	m := new(core.Message)
	if err := l.inbound.Decode(src, m); err != nil {
		l.peer.dropInbound(0, err)
		return nil
	}
	l.peer.in.add(1 + len(src))
	l.counts.received(l.peer.id, m.Kind, 1+len(src))
	switch m.From {
	case core.EmitterID:
		l.deliverEmitted(m)
		return nil
	case l.peer.id:
	default:
		if l.peer.reference && l.dialled && !l.confirmed {
			return &otherPeerError{m.From}
		}
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %.64q", core.ErrForged, m.From))
		return nil
	}
	if l.peer.reference {
		l.confirmed = true
	}
	l.peer.deliver(m)
	return nil
}

// deliverEmitted takes a message of an emitter, as one of the link's peer: in order
// with the others of that link, and of no other. It does not make the peer a server
// of the namespace, nor tell who a reference peer is.
func (l *link) deliverEmitted(m *core.Message) {
	if !emittable(m) {
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %q may act on clients, and not ask or answer", core.ErrForged, core.EmitterID))
		return
	}
	m.From = l.peer.id
	l.peer.hand(m)
}

// emittable tells whether an emitter may send m.
func emittable(m *core.Message) bool {
	switch m.Kind {
	case core.KindBroadcast, core.KindServerSideEmit, core.KindSocketsJoin, core.KindSocketsLeave, core.KindSocketsLeaveAll, core.KindDisconnectSockets:
		return m.RequestID == ""
	}
	return false
}
