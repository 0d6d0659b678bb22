// Package wsaccept answers the HTTP requests of an engine, before the engine does: it
// checks them by the rules of Node's engine.io, with its codes and texts, and accepts
// clients. A client that connects by WebSocket directly gets a [session.Session], and a
// client that began with polling gets a [wstransport.Transport] for its existing engine
// socket. When a client begins with polling, the package keeps little memory of its
// request. Once the server has closed, it accepts no client.
//
// It is a middleware of the engine that answers such requests itself, in the steps of the
// library's Server.HandleRequest, Server.HandleUpgrade and BaseServer.Handshake.
package wsaccept

import (
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// Acceptor is a middleware of one engine.
type Acceptor struct {
	engine   engine.BaseServer
	shared   *wstransport.Shared
	env      session.Env
	upgrader websocket.Upgrader
	origins  origins
	clients  *atomic.Uint64 // the engine's count of clients; nil if it is not found
	before   int            // number of middlewares in front of this one
	draining atomic.Bool
	closed   atomic.Bool
}

// Open puts an acceptor in front of an engine, behind the middlewares that the engine has.
// It returns an error beside the acceptor if the engine's ClientsCount does not include the
// clients that it accepts.
func Open(server engine.BaseServer, shared *wstransport.Shared) (*Acceptor, error) {
	d := &Acceptor{engine: server, shared: shared, upgrader: newUpgrader(), before: len(server.Middlewares())}
	d.origins.logger = shared.Logger
	shared.Clock = timingwheel.New(tickFor(server))
	if shared.Needs.DelayedPing {
		shared.PingDelay = wstransport.PingDelay(server.Opts().PingTimeout())
	}
	shared.PingTimeout = server.Opts().PingTimeout()
	shared.HeldBeat = max(server.Opts().PingTimeout()/2, 10*time.Millisecond)
	d.env = session.Env{Engine: server, Clock: shared.Clock, Late: shared.Clock.Late, Left: d.left}
	var err error
	d.clients, err = hostcompat.ClientsCount(server)
	_ = server.On("connection", d.late)
	server.Use(d.admit)
	return d, err
}

// tickFor returns a tick with which heartbeats and idle times can be measured.
func tickFor(server engine.BaseServer) time.Duration {
	shortest := min(server.Opts().PingInterval(), server.Opts().PingTimeout())
	if idle := server.Opts().IdleTimeout(); idle > 0 {
		shortest = min(shortest, idle)
	}
	return min(max(shortest/50, 5*time.Millisecond), 250*time.Millisecond)
}

// Drain accepts no more clients: new clients and upgrades are answered with 503, and so are
// unknown sessions, so that a load balancer tries another server. Connected clients stay.
func (d *Acceptor) Drain() { d.draining.Store(true) }

// Close is like Drain, and also closes clients that are accepted while it is called.
func (d *Acceptor) Close() { d.closed.Store(true) }

// refuses reports whether no more clients are accepted.
func (d *Acceptor) refuses() bool { return d.draining.Load() || d.closed.Load() }

// late closes a client that was accepted while the acceptor was closed. The code that
// closes the engine's clients may have missed it: it became one of them only just before.
func (d *Acceptor) late(args ...any) {
	if conn, ok := args[0].(engine.Socket); ok && d.closed.Load() {
		conn.Close(true)
	}
}

// admit is the middleware. It answers all requests.
func (d *Acceptor) admit(ctx *types.HttpContext, next func(error)) {
	ticket, ok := d.await(ctx)
	if !ok {
		return
	}
	d.others(ctx, d.before+1, func(err error) {
		if err != nil {
			ticket.Release()
			next(err) // next answers the request
			return
		}
		d.handle(ctx, ticket)
	})
}

// await waits until a new client is admitted. Requests of connected clients do not wait. It
// returns false if the request is answered: too many clients wait, or the client has gone.
func (d *Acceptor) await(ctx *types.HttpContext) (*admission.Ticket, bool) {
	known := ctx.Query().Peek("sid") != ""
	switch {
	case d.refuses() && !known: // before waiting, because it costs less
		Unavailable(ctx)
		return nil, false
	case !known:
		ticket, err := d.shared.Gate.Enter(ctx.Context())
		if err != nil {
			Unavailable(ctx)
		}
		return ticket, err == nil
	case websocket.IsWebSocketUpgrade(ctx.Request()):
		return d.shared.Gate.Pass(), true
	}
	return nil, true
}

// handle answers a request. The ticket is released when the client is accepted or refused.
func (d *Acceptor) handle(ctx *types.HttpContext, ticket *admission.Ticket) {
	defer ticket.Answered()
	if websocket.IsWebSocketUpgrade(ctx.Request()) {
		d.handleUpgrade(ctx, ticket)
	} else {
		d.handleRequest(ctx, ticket)
	}
}

// others runs the middlewares from the i-th on, which were added after the acceptor.
func (d *Acceptor) others(ctx *types.HttpContext, i int, then func(error)) {
	all := d.engine.Middlewares()
	if i >= len(all) {
		then(nil)
		return
	}
	all[i](ctx, func(err error) {
		if err != nil {
			then(err)
			return
		}
		d.others(ctx, i+1, then)
	})
}
