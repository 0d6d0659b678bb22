package ws

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/acceptqueue"
)

// acceptor upgrades HTTP requests to connections and queues them for Accept.
type acceptor struct {
	upgrader websocket.Upgrader
	options  *Options
	queue    *acceptqueue.Queue[*conn]
	onRefuse atomic.Pointer[func(remote string, why error)]
	admit    atomic.Pointer[func(remote string) error] // nil admits all connections
}

func newAcceptor(options *Options) *acceptor {
	return &acceptor{
		upgrader: websocket.Upgrader{
			HandshakeTimeout: options.HandshakeTimeout,
			ReadBufferSize:   handshakeBuffer,
			WriteBufferSize:  handshakeBuffer,
			CheckOrigin:      func(*http.Request) bool { return true }, // ServeHTTP has checked it
			Error:            httpError,
		},
		options: options,
		queue:   acceptqueue.New[*conn](),
	}
}

var (
	errNotWebSocket = errors.New("this is a port for WebSockets")
	errBrowser      = errors.New("this is not a port for browsers")
	errClosed       = errors.New("closed")
)

// ServeHTTP upgrades a request, whatever its path.
func (a *acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.queue.Enter() {
		httpError(w, r, http.StatusServiceUnavailable, errClosed)
		return
	}
	defer a.queue.Leave()
	switch {
	case !websocket.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		httpError(w, r, http.StatusUpgradeRequired, errNotWebSocket)
	case r.Header.Get("Origin") != "":
		// Nodes send no Origin, and browsers always do. A web page may try ports of
		// its visitor's network, where a node's may be open to everybody.
		a.refused(r.RemoteAddr, fmt.Errorf("%w: its origin is %.128q", errBrowser, r.Header.Get("Origin")))
		httpError(w, r, http.StatusForbidden, errBrowser)
	default:
		a.upgrade(w, r)
	}
}

// upgrade upgrades a request and queues its connection.
func (a *acceptor) upgrade(w http.ResponseWriter, r *http.Request) {
	if !a.queue.Reserve() {
		a.refused(r.RemoteAddr, acceptqueue.ErrFull)
		httpError(w, r, http.StatusServiceUnavailable, acceptqueue.ErrFull)
		return
	}
	socket, err := a.upgrader.Upgrade(w, r, http.Header{protocolHeader: {protocolVersion}})
	if err != nil {
		a.queue.Release()
		a.refused(r.RemoteAddr, fmt.Errorf("upgrade failed: %w", err))
		return
	}
	a.queue.Put(newConn(socket.NetConn(), nil, a.options, false))
}

// OnRefuse sets the callback for connections that fail before Accept. Without one
// they are logged.
func (a *acceptor) OnRefuse(refused func(remote string, why error)) { a.onRefuse.Store(&refused) }

// OnConnect sets the function that decides about connections before their TLS handshake.
func (a *acceptor) OnConnect(admit func(remote string) error) { a.admit.Store(&admit) }

// admits reports whether a connection is accepted, and reports its refusal if not.
func (a *acceptor) admits(remote string) bool {
	admit := a.admit.Load()
	if admit == nil {
		return true
	}
	err := (*admit)(remote)
	if err != nil {
		a.refused(remote, err)
	}
	return err == nil
}

// refused reports a connection that Accept will not return.
func (a *acceptor) refused(remote string, why error) {
	if report := a.onRefuse.Load(); report != nil {
		(*report)(remote, why)
		return
	}
	a.options.Logger.Warn("refusing a connection", "remote", remote, "error", why)
}

// httpError answers with an HTTP status and a line that says why.
func httpError(w http.ResponseWriter, _ *http.Request, status int, why error) {
	http.Error(w, http.StatusText(status)+": "+why.Error(), status)
}

// closeQueue ends Accept with err, and closes the connections that were not accepted. In
// between it calls stop, which ends the source of new connections.
func (a *acceptor) closeQueue(err error, stop func()) {
	a.queue.Fail(err)
	stop()
	a.queue.Drain(func(c *conn) { c.Close(core.CloseGoingAway) })
}
