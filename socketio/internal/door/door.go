// Package door lets the WebSocket clients of an engine in, before the engine does:
// those that connect directly get a [session.Session], and those that began with
// polling a [wstransport.Transport] for the engine socket that they have. When they
// begin, it sees that what is kept of their request is small.
//
// It is a middleware of the engine that answers such requests itself, in the steps
// of the library's own Server.HandleUpgrade and BaseServer.Handshake.
package door

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wheel"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// Door is in front of one engine.
type Door struct {
	engine   engine.BaseServer
	port     *wstransport.Port
	house    session.House
	upgrader websocket.Upgrader
	clients  *atomic.Uint64 // the engine's count of them; nil if it is not found
	before   int            // middlewares in front of this one
}

// Open puts a door in front of an engine, behind the middlewares that the engine
// has. It reports an error if the clients it lets in are missing from the engine's
// ClientsCount; the door works all the same.
func Open(server engine.BaseServer, port *wstransport.Port) error {
	d := &Door{engine: server, port: port, upgrader: newUpgrader(server), before: len(server.Middlewares())}
	port.Clock = wheel.New(tickFor(server))
	port.PingDelay = wstransport.PingDelay(server.Opts().PingTimeout())
	d.house = session.House{Engine: server, Clock: port.Clock, Left: d.left}
	var err error
	d.clients, err = hostcompat.ClientsCount(server)
	server.Use(d.admit)
	return err
}

// tickFor is a tick that heartbeats and idle times can be measured in.
func tickFor(server engine.BaseServer) time.Duration {
	shortest := min(server.Opts().PingInterval(), server.Opts().PingTimeout())
	if idle := server.Opts().IdleTimeout(); idle > 0 {
		shortest = min(shortest, idle)
	}
	return min(max(shortest/50, 5*time.Millisecond), 250*time.Millisecond)
}

// admit is the middleware.
func (d *Door) admit(ctx *types.HttpContext, next func(error)) {
	handle := d.handlerOf(ctx)
	if handle == nil {
		next(nil)
		return
	}
	d.others(ctx, d.before+1, func(err error) {
		if err != nil {
			next(err) // which answers the request
			return
		}
		handle(ctx)
	})
}

// handlerOf is who answers a request; nil if the library does.
func (d *Door) handlerOf(ctx *types.HttpContext) func(*types.HttpContext) {
	upgrade := websocket.IsWebSocketUpgrade(ctx.Request())
	switch ctx.Query().Peek("transport") {
	case transports.WEBSOCKET:
		if upgrade {
			return d.handle
		}
	case transports.POLLING:
		if !upgrade && ctx.Query().Peek("sid") == "" {
			return d.greet
		}
	}
	return nil
}

// others runs the middlewares from the i-th on, which came after the door.
func (d *Door) others(ctx *types.HttpContext, i int, then func(error)) {
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

// handle answers the request.
func (d *Door) handle(ctx *types.HttpContext) {
	if code, context := d.engine.Verify(ctx, true); code != nil {
		d.refuse(ctx, code, context, abortUpgrade)
		return
	}
	socket, err := d.upgrader.Upgrade(ctx.Response(), ctx.Request(), ctx.ResponseHeaders().All())
	if err != nil {
		d.refuse(ctx, engine.BAD_REQUEST, map[string]any{"name": "UPGRADE_FAILURE"}, abortRequest)
		return
	}
	ctx.Websocket = &types.WebSocketConn{EventEmitter: types.NewEventEmitter(), Conn: socket}
	ctx.IdleTimeout = d.engine.Opts().IdleTimeout()
	conn := wstransport.Conn{
		WebSocketConn: ctx.Websocket,
		Deflate:       d.upgrader.EnableCompression && Deflates(ctx.Request().Header),
	}
	if sid := ctx.Query().Peek("sid"); sid != "" {
		d.upgrade(sid, conn, ctx)
		return
	}
	d.enter(conn, ctx)
}

// upgrade gives a client that began with polling its transport.
func (d *Door) upgrade(sid string, conn wstransport.Conn, ctx *types.HttpContext) {
	client, ok := d.engine.Clients().Load(sid)
	if !ok || client.Upgrading() || client.Upgraded() {
		_ = conn.Close()
		return
	}
	t := wstransport.New(d.port, conn, ctx, nil)
	d.configure(t)
	client.MaybeUpgrade(t)
	_ = t.Once("packet", (&probe{client, t, t.Listeners("close")}).answered)
	if client.ReadyState() == "closed" { // before the engine listened to it
		t.Close()
	}
	t.Start() // the engine listens
}

func (d *Door) configure(t *wstransport.Transport) {
	t.SetPerMessageDeflate(d.engine.Opts().PerMessageDeflate())
	t.LimitMessages(d.engine.Opts().MaxHttpBufferSize())
}

// enter makes a session.
func (d *Door) enter(conn wstransport.Conn, ctx *types.HttpContext) {
	protocol := 3
	if ctx.Query().Peek("EIO") == "4" {
		protocol = 4
	}
	if protocol == 3 && !d.engine.Opts().AllowEIO3() {
		d.refuse(ctx, engine.UNSUPPORTED_PROTOCOL_VERSION, map[string]any{"protocol": protocol}, abortUpgrade)
		return
	}
	s := session.New(&d.house, d.engine.GenerateId(ctx), protocol, ctx)
	t := wstransport.New(d.port, conn, ctx, s)
	d.configure(t)
	d.engine.Clients().Store(s.Id(), s)
	if d.clients != nil {
		d.clients.Add(1)
	}
	s.Open(t, conn.RemoteAddr().String())
	d.engine.Emit("connection", s)
	t.Start() // the server listens
}

// left forgets a session.
func (d *Door) left(s *session.Session) {
	d.engine.Clients().Delete(s.Id())
	if d.clients != nil {
		d.clients.Add(^uint64(0))
	}
}

// Deflates tells whether a client offers permessage-deflate, which a server with
// it then agrees to.
func Deflates(header http.Header) bool {
	for _, line := range header["Sec-Websocket-Extensions"] {
		if offersDeflate(line) {
			return true
		}
	}
	return false
}
