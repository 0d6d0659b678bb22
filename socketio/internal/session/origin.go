package session

import (
	"net/http"
	"sync"
	"time"
	"weak"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// origin is the request that a session began with. The library's context around it takes
// a kilobyte, and is hardly ever asked for once the session is there. So the context is
// kept only as long as the application holds it, and is made again from its parts. What
// the application has changed in its parameter bags stays changed: the maps are shared.
type origin struct {
	request   *http.Request
	header    http.Header // of the response
	query     map[string][]string
	websocket *types.WebSocketConn
	idle      time.Duration

	mu      sync.Mutex
	made    weak.Pointer[types.HttpContext]
	queries weak.Pointer[types.ParameterBag] // its bags
	headers weak.Pointer[types.ParameterBag]
}

func (o *origin) keep(ctx *types.HttpContext) {
	o.request, o.header = ctx.Request(), ctx.Response().Header()
	o.query = ctx.Query().All()
	ctx.Query().Replace(o.query)
	o.websocket, o.idle = ctx.Websocket, ctx.IdleTimeout
	o.remember(ctx)
}

func (o *origin) remember(ctx *types.HttpContext) {
	o.made, o.queries, o.headers = weak.Make(ctx), weak.Make(ctx.Query()), weak.Make(ctx.Headers())
}

// context returns the same context to all callers as long as one of them holds it.
func (o *origin) context() *types.HttpContext {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx := o.made.Value(); ctx != nil {
		return ctx
	}
	ctx := types.NewHttpContext(response{o.header}, o.request)
	// A bag that the application holds without its context has a lock of its own: the
	// new bag gets a copy of its map, in which later changes do not show.
	if bag := o.queries.Value(); bag != nil {
		o.query = bag.All()
	}
	if bag := o.headers.Value(); bag != nil {
		ctx.Headers().Replace(bag.All())
	}
	ctx.Query().Replace(o.query)
	ctx.Websocket, ctx.IdleTimeout = o.websocket, o.idle
	o.remember(ctx)
	return ctx
}
