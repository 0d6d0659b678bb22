package quic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

var (
	_ core.Listener = (*listener)(nil)
	_ core.Refuser  = (*listener)(nil)
)

// backlog bounds the connections that wait to be accepted, or introduce
// themselves.
const backlog = 256

// closePending is what diallers hear whom a closed listener never accepted
// (docs/reference-protocol.md, section 8).
var closePending = core.CloseReason{Code: 1001, Text: "transport-closed"}

var errBacklog = errors.New("too many connections wait to be accepted")

// listener accepts connections at a UDP socket. One goroutine takes them from the
// library, and one for each lets it introduce itself.
type listener struct {
	transport *Transport
	socket    *socket
	quic      *quicgo.Listener
	known     *credentials
	refusals  atomic.Pointer[func(remote string, why error)]
	door      *door

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	serving sync.WaitGroup

	slots   chan struct{} // one for each connection that is, or may get, in pending
	pending chan *conn
	once    sync.Once
	closing sync.Once
	failed  chan struct{} // closed when nobody accepts any more
	err     error         // why; written before that
}

func (t *Transport) listen(ctx context.Context, addr string) (*listener, error) {
	known, err := t.credentials()
	if err != nil {
		return nil, err
	}
	s, err := t.newSocket(ctx, addr)
	if err != nil {
		return nil, err
	}
	l := &listener{
		transport: t,
		socket:    s,
		known:     known,
		door:      &door{advice: known.advice},
		slots:     make(chan struct{}, backlog),
		pending:   make(chan *conn, backlog),
		failed:    make(chan struct{}),
	}
	l.door.refused = l.refused
	s.quic.ConnContext, s.quic.VerifySourceAddress = l.door.enter, l.door.crowded
	l.quic, err = s.quic.Listen(known.acceptor, t.options.config())
	if err != nil {
		s.release()
		return nil, err
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.serving.Go(l.serve)
	return l, nil
}

// serve takes connections until there are no more.
func (l *listener) serve() {
	for {
		quic, err := l.quic.Accept(context.Background())
		if err != nil {
			l.fail(fmt.Errorf("%w: %w", net.ErrClosed, err))
			return
		}
		l.door.pass(quic)
		select {
		case l.slots <- struct{}{}:
			l.serving.Go(func() { l.welcome(quic) })
		default:
			l.refused(quic.RemoteAddr().String(), errBacklog)
			quic.CloseWithError(applicationCode(core.CloseBusy))
		}
	}
}

// welcome lets a connection introduce itself, and puts it in the backlog.
func (l *listener) welcome(quic *quicgo.Conn) {
	l.socket.hold() // as this listener does
	c, err := l.transport.introduce(l.ctx, quic, l.socket, l.known.advice)
	if err != nil {
		<-l.slots
		if l.ctx.Err() == nil {
			l.refused(quic.RemoteAddr().String(), err)
		}
		return
	}
	l.pending <- c
}

// OnRefuse has refused told of the connections that do not get as far as Accept.
// Until then they are logged.
func (l *listener) OnRefuse(refused func(remote string, why error)) { l.refusals.Store(&refused) }

// refused counts a refusal, and tells of it.
func (l *listener) refused(remote string, why error) {
	t := l.transport
	t.counters.refusals.Add(1)
	if tell := l.refusals.Load(); tell != nil {
		(*tell)(remote, why)
		return
	}
	t.quiet.log(t.options.Logger, slog.LevelWarn, kindOf(why), "refusing a connection", "remote", remote, "error", why)
}

// Accept returns the next connection that has introduced itself.
func (l *listener) Accept() (core.Conn, error) {
	select {
	case <-l.failed:
	default:
		select {
		case c := <-l.pending:
			<-l.slots
			return c, nil
		case <-l.failed:
		}
	}
	return nil, fmt.Errorf("quic: accept at %s: %w", l.Addr(), l.err)
}

// Addr is the UDP address, as "127.0.0.1:4000".
func (l *listener) Addr() string { return l.socket.udp.LocalAddr().String() }

// fail ends accepting. The first error counts.
func (l *listener) fail(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.failed)
	})
}

// Close stops to accept. The port is free when the accepted connections are
// closed as well.
func (l *listener) Close() error {
	l.fail(net.ErrClosed)
	l.closing.Do(l.close)
	return nil
}

func (l *listener) close() {
	l.quic.Close()
	l.cancel()
	l.serving.Wait()
	l.door.visits.Wait()
	l.drain()
	l.socket.release()
}

// drain closes what nobody has accepted, when no more comes.
func (l *listener) drain() {
	var closing sync.WaitGroup
	defer closing.Wait()
	for {
		select {
		case c := <-l.pending:
			closing.Go(func() { c.Close(closePending) })
		default:
			return
		}
	}
}
