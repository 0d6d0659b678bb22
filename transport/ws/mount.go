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

// HandlerAddr is where to listen for connections that come in through
// [Transport.Handler], in place of a port.
const HandlerAddr = "handler"

var (
	errNobodyListens = errors.New("nobody listens here now")
	errHTTP2         = errors.New("WebSockets come over HTTP/1.1 here")
)

// Handler is to be mounted on an HTTP server of the application's, at any path.
// It serves the listener at [HandlerAddr] while there is one, and answers 503
// otherwise. How connections are secured is up to that server; if Options.TLS has
// ClientCAs, it has to ask for certificates (tls.RequestClientCert will do), which
// are verified here. Connections are taken from the server: its Shutdown leaves
// them alone, and so does the listener's Close.
func (t *Transport) Handler() http.Handler { return http.HandlerFunc(t.serveMounted) }

func (t *Transport) serveMounted(w http.ResponseWriter, r *http.Request) {
	a := t.mounted.Load()
	if a == nil {
		w.Header().Set("Retry-After", "1")
		refuse(w, r, http.StatusServiceUnavailable, errNobodyListens)
		return
	}
	if r.ProtoMajor != 1 {
		refuse(w, r, http.StatusHTTPVersionNotSupported, errHTTP2)
		return
	}
	if err := peertls.VerifyClient(t.options.TLS, r.TLS); err != nil {
		a.turnAway(r.RemoteAddr, fmt.Errorf("%w: the dialler's certificate: %w", core.ErrUnauthorized, err))
		refuse(w, r, http.StatusForbidden, errors.New("a certificate of the mesh is needed"))
		return
	}
	a.ServeHTTP(hijackable{w}, r)
}

// hijackable finds the connection below the wrappers that applications put around
// their ResponseWriter; the library does not look there.
type hijackable struct{ http.ResponseWriter }

// Hijack is http.Hijacker's.
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}

var (
	_ core.Listener = (*mounted)(nil)
	_ core.Refuser  = (*mounted)(nil)
)

// mounted is a listener without a port.
type mounted struct {
	*acceptor
	transport *Transport
	once      sync.Once
}

// listenMounted puts a listener behind the handler.
func (t *Transport) listenMounted(ctx context.Context) (*mounted, error) {
	a := newAcceptor(&t.options)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !t.mounted.CompareAndSwap(nil, a):
		return nil, errors.New("it is listened to already")
	}
	return &mounted{acceptor: a, transport: t}, nil
}

// Accept returns the next connection that came through the handler.
func (m *mounted) Accept() (core.Conn, error) {
	c, err := m.accept()
	if err != nil {
		return nil, fmt.Errorf("ws: accept at the handler: %w", err)
	}
	return c, nil
}

// Addr is [HandlerAddr]: the listener does not know where the handler is.
func (*mounted) Addr() string { return HandlerAddr }

// Close leaves the handler to the next listener.
func (m *mounted) Close() error {
	m.once.Do(func() {
		m.fail(net.ErrClosed)
		m.transport.mounted.CompareAndSwap(m.acceptor, nil)
		m.drain()
	})
	return nil
}
