package ws

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// backlog bounds the connections that were upgraded and not accepted.
const backlog = 256

// closePending is what diallers hear whom a closed listener never accepted
// (docs/reference-protocol.md, section 8).
var closePending = core.CloseReason{Code: 1001, Text: "transport-closed"}

// acceptor upgrades HTTP requests and hands the connections to who accepts.
type acceptor struct {
	upgrader websocket.Upgrader
	options  *Options

	refused atomic.Pointer[func(remote string, why error)]

	slots    chan struct{} // one for each connection that is, or may get, in pending
	pending  chan *conn
	upgrades sync.WaitGroup

	mu     sync.Mutex
	failed chan struct{} // closed when nobody accepts any more
	err    error         // why
}

func newAcceptor(options *Options) *acceptor {
	return &acceptor{
		upgrader: websocket.Upgrader{
			HandshakeTimeout: options.HandshakeTimeout,
			ReadBufferSize:   handshakeBuffer,
			WriteBufferSize:  handshakeBuffer,
			CheckOrigin:      func(*http.Request) bool { return true }, // done by then
			Error:            refuse,
		},
		options: options,
		slots:   make(chan struct{}, backlog),
		pending: make(chan *conn, backlog),
		failed:  make(chan struct{}),
	}
}

var (
	errNotWebSocket = errors.New("this is a port for WebSockets")
	errBrowser      = errors.New("this is not a port for browsers")
	errBacklog      = errors.New("too many connections wait to be accepted")
	errClosed       = errors.New("closed")
)

// ServeHTTP upgrades a request, whatever its path.
func (a *acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.begin() {
		refuse(w, r, http.StatusServiceUnavailable, errClosed)
		return
	}
	defer a.upgrades.Done()
	switch {
	case !websocket.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		refuse(w, r, http.StatusUpgradeRequired, errNotWebSocket)
	case r.Header.Get("Origin") != "":
		// Nodes send no Origin, and browsers always do: this is a web page that
		// tries its visitor's network, where ports may be open to neighbours.
		a.turnAway(r.RemoteAddr, fmt.Errorf("%w: it comes from %.128q", errBrowser, r.Header.Get("Origin")))
		refuse(w, r, http.StatusForbidden, errBrowser)
	default:
		a.upgrade(w, r)
	}
}

// upgrade makes a connection of a request and puts it in the backlog.
func (a *acceptor) upgrade(w http.ResponseWriter, r *http.Request) {
	select {
	case a.slots <- struct{}{}:
	default:
		a.turnAway(r.RemoteAddr, errBacklog)
		refuse(w, r, http.StatusServiceUnavailable, errBacklog)
		return
	}
	socket, err := a.upgrader.Upgrade(w, r, http.Header{protocolHeader: {protocolVersion}})
	if err != nil {
		<-a.slots
		a.turnAway(r.RemoteAddr, fmt.Errorf("upgrade failed: %w", err))
		return
	}
	a.pending <- newConn(socket.NetConn(), nil, a.options, false)
}

// OnRefuse has refused told of the connections that do not get as far as Accept.
// Until then they are logged.
func (a *acceptor) OnRefuse(refused func(remote string, why error)) { a.refused.Store(&refused) }

// turnAway tells of a connection that will not be accepted.
func (a *acceptor) turnAway(remote string, why error) {
	if refused := a.refused.Load(); refused != nil {
		(*refused)(remote, why)
		return
	}
	a.options.Logger.Warn("refusing a connection", "remote", remote, "error", why)
}

// refuse answers with an HTTP status.
func refuse(w http.ResponseWriter, _ *http.Request, status int, reason error) {
	http.Error(w, http.StatusText(status)+": "+reason.Error(), status)
}

// begin enters an upgrade, unless nobody accepts any more.
func (a *acceptor) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return false
	}
	a.upgrades.Add(1)
	return true
}

// accept returns the next connection.
func (a *acceptor) accept() (*conn, error) {
	select {
	case <-a.failed:
		return nil, a.err
	default:
	}
	select {
	case c := <-a.pending:
		<-a.slots
		return c, nil
	case <-a.failed:
		return nil, a.err
	}
}

// fail ends accepting. The first error counts.
func (a *acceptor) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
		close(a.failed)
	}
}

// drain closes what nobody has accepted, when no more comes.
func (a *acceptor) drain() {
	a.upgrades.Wait()
	var closing sync.WaitGroup
	defer closing.Wait()
	for {
		select {
		case c := <-a.pending:
			closing.Go(func() { c.Close(closePending) })
		default:
			return
		}
	}
}
