package ws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// HandlerAddr is the address to listen at, instead of a port, for connections that come
// through [Transport.Handler].
const HandlerAddr = "handler"

var (
	errNoListener = errors.New("no listener is open here now")
	errHTTP2      = errors.New("WebSockets come over HTTP/1.1 here")
)

// Handler returns a handler for any path of the application's own HTTP server. It
// serves the listener at [HandlerAddr] while there is one, and answers 503
// otherwise. TLS is that server's matter; if Options.TLS has ClientCAs, the server
// has to ask for certificates (tls.RequestClientCert is enough), and the handler
// verifies them. Connections are hijacked: neither the server's Shutdown nor the
// listener's Close ends them.
func (t *Transport) Handler() http.Handler { return http.HandlerFunc(t.serveMounted) }

func (t *Transport) serveMounted(w http.ResponseWriter, r *http.Request) {
	a := t.mounted.Load()
	if a == nil {
		w.Header().Set("Retry-After", "1")
		httpError(w, r, http.StatusServiceUnavailable, errNoListener)
		return
	}
	if r.ProtoMajor != 1 {
		httpError(w, r, http.StatusHTTPVersionNotSupported, errHTTP2)
		return
	}
	if err := peertls.VerifyClient(t.options.TLS, r.TLS); err != nil {
		a.refused(r.RemoteAddr, fmt.Errorf("%w: the dialler's certificate: %w", core.ErrUnauthorized, err))
		httpError(w, r, http.StatusForbidden, errors.New("a certificate of the mesh is needed"))
		return
	}
	a.ServeHTTP(hijackable{w}, r)
}

// hijackable finds the connection below the wrappers that applications put around
// their ResponseWriter. The WebSocket library does not unwrap them.
type hijackable struct{ http.ResponseWriter }

// Hijack implements [http.Hijacker].
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}

var (
	_ core.Listener        = (*mounted)(nil)
	_ core.RefusalNotifier = (*mounted)(nil)
)

// mounted is a listener whose connections come through the handler.
type mounted struct {
	*acceptor
	transport *Transport
	once      sync.Once
}

// listenMounted opens the listener behind the handler; there is one at a time.
func (t *Transport) listenMounted(ctx context.Context) (*mounted, error) {
	a := newAcceptor(&t.options)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !t.mounted.CompareAndSwap(nil, a):
		return nil, errors.New("a listener is open already")
	}
	return &mounted{acceptor: a, transport: t}, nil
}

// Accept returns the next connection that came through the handler.
func (m *mounted) Accept() (core.Conn, error) {
	c, err := m.queue.Accept()
	if err != nil {
		return nil, fmt.Errorf("ws: accept at the handler: %w", err)
	}
	return c, nil
}

// Addr is [HandlerAddr]: the listener does not know where the handler is.
func (*mounted) Addr() string { return HandlerAddr }

// Close ends the listening; the next listener may use the handler.
func (m *mounted) Close() error {
	m.once.Do(func() {
		m.closeQueue(net.ErrClosed, func() { m.transport.mounted.CompareAndSwap(m.acceptor, nil) })
	})
	return nil
}
