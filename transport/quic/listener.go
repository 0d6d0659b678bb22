package quic

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/acceptqueue"
)

var (
	_ core.Listener        = (*listener)(nil)
	_ core.RefusalNotifier = (*listener)(nil)
	_ core.SourceLimiter   = (*listener)(nil)
)

// listener accepts connections at a UDP socket. One goroutine accepts them from the
// library, and each connection has a goroutine for its handshake.
type listener struct {
	transport   *Transport
	socket      *socket
	quic        *quicgo.EarlyListener // for connections whose handshake can still be ended
	credentials *credentials
	onRefuse    atomic.Pointer[func(remote string, why error)]
	handshakes  *handshakeLimiter
	queue       *acceptqueue.Queue[*conn]

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	serving sync.WaitGroup
	closing sync.Once
}

func (t *Transport) listen(ctx context.Context, addr string) (*listener, error) {
	credentials, err := t.credentials()
	if err != nil {
		return nil, err
	}
	s, err := t.newSocket(ctx, addr)
	if err != nil {
		return nil, err
	}
	l := &listener{
		transport:   t,
		socket:      s,
		credentials: credentials,
		handshakes:  newHandshakeLimiter(credentials.advice, t.handshakes),
		queue:       acceptqueue.New[*conn](),
	}
	l.handshakes.refused = l.refused
	s.quic.ConnContext, s.quic.VerifySourceAddress = l.handshakes.begin, l.handshakes.mustVerify
	config := t.options.config()
	config.GetConfigForClient = l.handshakes.configure(t.options.config())
	l.quic, err = s.quic.ListenEarly(credentials.acceptor, config)
	if err != nil {
		s.release()
		return nil, err
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.serving.Go(l.serve)
	return l, nil
}

// serve takes connections from the library until its listener is closed.
func (l *listener) serve() {
	for {
		quic, err := l.quic.Accept(context.Background())
		if err != nil {
			l.queue.Fail(fmt.Errorf("%w: %w", net.ErrClosed, err))
			return
		}
		current := l.handshakes.of(quic)
		l.handshakes.started(current, quic)
		l.serving.Go(func() { l.handshake(quic, current) })
	}
}

// handshake waits for the end of a connection's handshake, exchanges prefaces on it
// and queues it for Accept.
func (l *listener) handshake(quic *quicgo.Conn, current *handshake) {
	defer l.handshakes.complete(current)
	if !l.handshakes.secured(l.ctx, current) {
		return
	}
	remote := quic.RemoteAddr().String()
	l.socket.hold() // for the connection
	c, err := l.transport.handshake(l.ctx, quic, l.socket, l.credentials.advice)
	switch {
	case err != nil && l.ctx.Err() != nil:
	case err != nil && current.evicted.Load():
		l.refused(remote, errOldestHandshake)
	case err != nil:
		l.refused(remote, err)
	case !l.queue.Reserve():
		l.refused(remote, acceptqueue.ErrFull)
		c.Close(core.CloseBusy)
	default:
		l.queue.Put(c)
	}
}

// OnRefuse sets the callback for connections that fail before Accept. Without one
// they are logged.
func (l *listener) OnRefuse(refused func(remote string, why error)) { l.onRefuse.Store(&refused) }

// OnConnect sets the function that decides about connections before their handshake.
func (l *listener) OnConnect(admit func(remote string) error) { l.handshakes.admit.Store(&admit) }

// refused counts and reports a connection that Accept will not return.
func (l *listener) refused(remote string, why error) {
	t := l.transport
	t.counters.refusals.Add(1)
	if report := l.onRefuse.Load(); report != nil {
		(*report)(remote, why)
		return
	}
	t.logLimit.Log(t.options.Logger, slog.LevelWarn, kindOf(why), "refusing a connection", "remote", remote, "error", why)
}

// Accept returns the next connection whose handshake is complete.
func (l *listener) Accept() (core.Conn, error) {
	c, err := l.queue.Accept()
	if err != nil {
		return nil, fmt.Errorf("quic: accept at %s: %w", l.Addr(), err)
	}
	return c, nil
}

// Addr is the UDP address, as "127.0.0.1:4000".
func (l *listener) Addr() string { return l.socket.udp.LocalAddr().String() }

// Close stops accepting. The port is free when the accepted connections are closed as
// well.
func (l *listener) Close() error {
	l.queue.Fail(net.ErrClosed)
	l.closing.Do(l.close)
	return nil
}

func (l *listener) close() {
	l.quic.Close()
	l.cancel()
	l.serving.Wait()
	l.handshakes.ended.Wait()
	l.queue.Drain(func(c *conn) { c.Close(core.CloseGoingAway) })
	l.socket.release()
}
