package ws

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/pendingset"
)

var (
	_ core.Listener        = (*listener)(nil)
	_ core.RefusalNotifier = (*listener)(nil)
	_ core.SourceLimiter   = (*listener)(nil)
)

// listener is an acceptor behind an HTTP server on a port of its own.
type listener struct {
	*acceptor
	socket  net.Listener
	server  *http.Server
	pending *pendingset.Conns // connections that are not upgraded yet
	serving sync.WaitGroup
	once    sync.Once
}

func (l *listener) serve() {
	if err := l.server.Serve(l.socket); !errors.Is(err, http.ErrServerClosed) {
		l.queue.Fail(fmt.Errorf("%w: %w", net.ErrClosed, err))
	}
}

// errTooManyPending is why a connection was closed in favour of a newer one.
var errTooManyPending = fmt.Errorf("%w: too many connections have not been upgraded, and this one is the oldest", core.ErrBusy)

// evict closes a connection in favour of a newer one. It closes the TCP connection below
// TLS: sending an alert could block if the peer does not read.
func (l *listener) evict(conn net.Conn) {
	if c, ok := conn.(*serverConn); ok && c.tls != nil {
		c.tls.NetConn().Close()
	} else {
		conn.Close()
	}
	l.refused(conn.RemoteAddr().String(), errTooManyPending)
}

// Accept returns the next connection that has been upgraded.
func (l *listener) Accept() (core.Conn, error) {
	c, err := l.queue.Accept()
	if err != nil {
		return nil, fmt.Errorf("ws: accept at %s: %w", l.Addr(), err)
	}
	return c, nil
}

// Addr is the TCP address, as "127.0.0.1:4000".
func (l *listener) Addr() string { return l.socket.Addr().String() }

// Close frees the port and closes the connections that were not accepted.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.closeQueue(net.ErrClosed, func() {
			l.server.Close() // leaves the upgraded connections open
			l.serving.Wait()
			l.pending.Wait()
		})
	})
	return nil
}
