package wsaccept

import (
	"maps"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// handleUpgrade answers a request to upgrade to a WebSocket.
func (d *Acceptor) handleUpgrade(ctx *types.HttpContext, ticket *admission.Ticket) {
	if d.refuses() {
		Unavailable(ctx)
		return
	}
	if code, context := d.verify(ctx, true); code != nil {
		d.refuse(ctx, code, context, abortUpgrade)
		return
	}
	if code, context := d.origins.verify(ctx, d.engine.Opts().Cors()); code != nil {
		d.refuse(ctx, code, context, abortUpgrade)
		return
	}
	sid := ctx.Query().Peek("sid")
	ctor, ok := d.engine.TransportsByName()[ctx.Query().Peek("transport")]
	upgrades := ok && ctor.HandlesUpgrades()
	if sid == "" && upgrades {
		if code, context := d.unsupported(ctx); code != nil {
			d.refuse(ctx, code, context, abortUpgrade)
			return
		}
	}
	conn, err := d.accept(ctx)
	if err != nil {
		ctx.ResponseHeaders().Set("Sec-WebSocket-Version", "13")
		d.refuse(ctx, engine.BAD_REQUEST, map[string]any{"name": "UPGRADE_FAILURE", "error": err}, abortRequest)
		return
	}
	ctx.IdleTimeout = d.engine.Opts().IdleTimeout()
	switch {
	case !upgrades: // checked here and not earlier, as in Node's server
		d.turnAway(conn, ctx)
	case sid != "":
		d.upgrade(sid, conn, ctx)
	default:
		d.enter(conn, ctx, ticket)
	}
}

// accept does the WebSocket handshake. Listeners of "initial_headers" and "headers" may add
// to the answer, as with polling.
func (d *Acceptor) accept(ctx *types.HttpContext) (wstransport.Conn, error) {
	header := types.NewParameterBag(ctx.ResponseHeaders().All())
	if ctx.Query().Peek("sid") == "" {
		d.engine.Emit("initial_headers", header, ctx)
	}
	d.engine.Emit("headers", header, ctx)
	response := maps.Clone(header.All())
	deflate := d.engine.Opts().PerMessageDeflate() != nil
	if deflate {
		var agreed string
		if agreed, deflate = negotiate(ctx.Request().Header["Sec-Websocket-Extensions"]); deflate {
			response[extensionsHeader] = []string{agreed}
		}
	}
	socket, err := d.upgrader.Upgrade(ctx.Response(), ctx.Request(), response)
	if err != nil {
		return wstransport.Conn{}, err
	}
	ctx.Websocket = &types.WebSocketConn{EventEmitter: types.NewEventEmitter(), Conn: socket}
	return wstransport.Conn{WebSocketConn: ctx.Websocket, Deflate: deflate}, nil
}

// upgrade gives a client that began with polling its new transport.
func (d *Acceptor) upgrade(sid string, conn wstransport.Conn, ctx *types.HttpContext) {
	client, ok := d.engine.Clients().Load(sid)
	if !ok || client.Upgrading() || client.Upgraded() {
		d.turnAway(conn, ctx)
		return
	}
	t := wstransport.New(d.shared, conn, ctx, nil)
	d.configure(t)
	client.MaybeUpgrade(t)
	if d.shared.Needs.ProbeEnd {
		_ = t.Once("packet", (&probe{client, t, t.Listeners("close")}).answered)
	}
	if client.ReadyState() == "closed" { // before the engine listened to it
		t.Close()
	}
	t.Start() // now that the engine listens
}

// turnAway closes a WebSocket that is not accepted, with a Close frame.
func (d *Acceptor) turnAway(conn wstransport.Conn, ctx *types.HttpContext) {
	t := wstransport.New(d.shared, conn, ctx, nil)
	d.configure(t)
	t.Start()
	t.Close()
}

func (d *Acceptor) configure(t *wstransport.Transport) {
	t.SetPerMessageDeflate(d.engine.Opts().PerMessageDeflate())
	t.LimitMessages(d.engine.Opts().MaxHttpBufferSize())
}

// enter makes a session, which owns the ticket.
func (d *Acceptor) enter(conn wstransport.Conn, ctx *types.HttpContext, ticket *admission.Ticket) {
	s := session.New(&d.env, d.engine.GenerateId(ctx), protocolOf(ctx), ctx)
	s.Lifecycle().Admitted(ticket)
	t := wstransport.New(d.shared, conn, ctx, s)
	d.configure(t)
	s.Attach(t, conn.RemoteAddr().String())
	d.engine.Clients().Store(s.Id(), s)
	if d.clients != nil {
		d.clients.Add(1)
	}
	s.Open()
	d.engine.Emit("connection", s)
	t.Start() // now that the server listens
}

// left removes a session from the engine.
func (d *Acceptor) left(s *session.Session) {
	d.engine.Clients().Delete(s.Id())
	if d.clients != nil {
		d.clients.Add(^uint64(0))
	}
}
