package core

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection to a peer, after the introductions. Three goroutines
// serve it: a reader, a writer, and one that waits for the end and tidies up.
type link struct {
	peer    *peer
	conn    Conn
	id      string // the dialler's name for it; "" with reference peers
	dialled bool   // by this node

	received    atomic.Int64 // when something was last received, in ns
	dispatching atomic.Bool  // the reader is not reading, but delivering
	probe       atomic.Int64 // when it must have proven to be alive, in ns; 0 if it need not
	pinged      int64        // when it was last pinged, in ns; the pulse's own

	confirmed    bool          // the peer has sent something under its id; the reader's own
	inbound      Codec         // in which the peer writes; the reader's own
	inboundEnded chan struct{} // closed when no more messages come
	endInbound   sync.Once

	wake chan struct{} // tells the writer that there may be something to send

	// Guarded by the peer's lock.
	control    [][]byte  // frames that go before messages
	finished   time.Time // when this side said that it sends no more messages; zero if it has not
	theyFinish bool      // the peer said so

	stop   chan struct{} // closed by fail
	once   sync.Once
	reason CloseReason // both written before stop is closed
	err    error
}

// newLink makes a link of a connection that has been introduced.
func (p *peer) newLink(conn Conn, id string, dialled bool) *link {
	l := &link{
		peer:         p,
		conn:         conn,
		id:           id,
		dialled:      dialled,
		inboundEnded: make(chan struct{}),
		wake:         make(chan struct{}, 1),
		stop:         make(chan struct{}),
	}
	if p.reference {
		l.inbound = p.node.cfg.Codecs[p.codec]
	}
	l.received.Store(time.Now().UnixNano())
	return l
}

// fail ends the link, without blocking. The first reason counts.
func (l *link) fail(reason CloseReason, err error) {
	l.once.Do(func() {
		l.reason, l.err = reason, err
		close(l.stop)
	})
}

// run serves the link until it fails, and returns when nothing of it is left.
func (l *link) run() {
	var io sync.WaitGroup
	io.Go(l.read)
	io.Go(l.write)
	<-l.stop
	l.conn.Close(l.reason)
	io.Wait()
	l.peer.remove(l)
}

func (l *link) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// write sends what there is for this link, all that waits at once.
func (l *link) write() {
	var out [][]byte
	var batch []*frame
	for {
		out, batch = l.peer.next(l, out[:0], batch[:0])
		if len(out) == 0 {
			select {
			case <-l.wake:
				continue
			case <-l.stop:
				return
			}
		}
		err := l.conn.Send(context.Background(), out) // ended by Close
		l.peer.sent(batch, err)
		clear(out)
		if err != nil {
			l.fail(CloseProtocolError, fmt.Errorf("send: %w", err))
			return
		}
	}
}

// read takes frames until the connection ends.
func (l *link) read() {
	defer l.endInbound.Do(func() { close(l.inboundEnded) })
	for {
		src, err := l.conn.Recv()
		if err != nil {
			l.fail(CloseShutdown, readError(err))
			return
		}
		l.alive()
		l.dispatching.Store(true)
		err = l.handle(src)
		l.dispatching.Store(false)
		l.alive()
		var other *otherPeerError
		switch {
		case errors.As(err, &other):
			l.fail(CloseAddressChanged, err)
			return
		case err != nil:
			l.fail(CloseProtocolError, err)
			return
		}
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
		l.signal() // messages have waited for this
	}
}

// readError tells a goodbye from a failure.
func readError(err error) error {
	var closed *CloseError
	switch {
	case errors.As(err, &closed) && closed.CloseReason == CloseShutdown:
		return fmt.Errorf("%w: %w", ErrPeerLeft, err)
	case errors.As(err, &closed) && closed.CloseReason == CloseSlowPeer:
		return fmt.Errorf("%w: this node, says the peer: %w", ErrSlowPeer, err)
	case errors.Is(err, net.ErrClosed):
		return err
	}
	return fmt.Errorf("receive: %w", err)
}

// handle takes one frame. An error ends the link; frames that only make no
// sense are counted and ignored.
func (l *link) handle(src []byte) error {
	if len(src) == 0 {
		l.peer.dropInbound(0, fmt.Errorf("%w: empty frame", ErrMalformed))
		return nil
	}
	if src[0] == frameMesh {
		return l.message(src)
	}
	if l.peer.reference {
		l.peer.dropInbound(0, fmt.Errorf("%w: frame kind %#x", ErrUnsupported, src[0]))
		return nil
	}
	switch src[0] {
	case framePing:
		l.peer.echo(l, pongFrame)
	case framePong:
	case frameStart:
		return l.start(src)
	case frameFinish:
		l.endInbound.Do(func() { close(l.inboundEnded) })
		l.peer.finishedBy(l)
	default:
		l.peer.dropInbound(0, fmt.Errorf("%w: frame kind %#x", ErrUnsupported, src[0]))
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
	for _, c := range l.peer.node.cfg.Codecs {
		if c.Name() == s.codec {
			l.inbound = c
		}
	}
	if l.inbound == nil {
		return fmt.Errorf("%w: peer writes %q", ErrNoCommonCodec, s.codec)
	}
	if prev := l.peer.linkNamed(s.prev); prev != nil && prev != l {
		select {
		case <-prev.inboundEnded:
		case <-l.stop:
			return l.err
		}
	}
	l.peer.resume(s)
	return nil
}

func (l *link) message(src []byte) error {
	if l.inbound == nil {
		return fmt.Errorf("%w: message before start", ErrMalformed)
	}
	l.peer.received.Add(1)
	m := new(Message)
	if err := l.inbound.Decode(src[1:], m); err != nil {
		l.peer.dropInbound(0, err)
		return nil
	}
	l.peer.node.stats.received(l.peer.id, m.Kind, len(src))
	if m.From != l.peer.id {
		if l.peer.reference && l.dialled && !l.confirmed {
			return &otherPeerError{m.From}
		}
		l.peer.dropInbound(m.Kind, fmt.Errorf("%w: %.64q", ErrForged, m.From))
		return nil
	}
	l.confirmed = true
	l.peer.node.deliver(l.peer, m)
	return nil
}
