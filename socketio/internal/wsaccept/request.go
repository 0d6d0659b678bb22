package wsaccept

import (
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/polling"
)

// handleRequest answers a request that is not an upgrade: a client that polls has sent it.
func (d *Acceptor) handleRequest(ctx *types.HttpContext, ticket *admission.Ticket) {
	sid := ctx.Query().Peek("sid")
	client, known := d.engine.Clients().Load(sid)
	if d.refuses() && !known {
		Unavailable(ctx)
		return
	}
	code, context := d.verify(ctx, false)
	switch {
	case code != nil:
		d.refuse(ctx, code, context, abortRequest)
	case sid == "":
		d.greet(ctx, ticket)
	case !known: // it connected between the two lookups
		d.refuse(ctx, engine.UNKNOWN_SID, map[string]any{"sid": sid}, abortRequest)
	case client.Transport().Name() != transports.POLLING: // a WebSocket client, whose transport would not answer a request
		d.refuse(ctx, engine.BAD_REQUEST, map[string]any{"name": "TRANSPORT_HANDSHAKE_ERROR"}, abortRequest)
	default:
		client.Transport().OnRequest(ctx)
	}
}

// greet answers the first request of a client that begins with polling. The engine socket
// keeps the request, in which the code that follows the client finds the ticket.
func (d *Acceptor) greet(ctx *types.HttpContext, ticket *admission.Ticket) {
	if code, context := d.unsupported(ctx); code != nil {
		d.refuse(ctx, code, context, abortRequest)
		return
	}
	response := &response{inner: ctx.Response(), header: ctx.Response().Header(), ticket: ticket}
	lean := leanContext(ctx, response)
	code, transport := d.engine.Handshake(transports.POLLING, lean)
	if transport == nil {
		abortRequest(lean, code, code.Message)
	}
	<-lean.Done()
	if t, ok := transport.(*polling.Transport); ok {
		<-t.FirstAnswered()
	}
	response.release()
	lean.ResponseHeaders().Replace(map[string][]string{})
	ctx.Flush() // the engine waits for this one
}
