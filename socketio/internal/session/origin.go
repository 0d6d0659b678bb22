package session

import (
	"net/http"
	"sync"
	"time"
	"weak"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// origin is the request that a session began with. The library's context around it
// takes a kilobyte, and hardly anybody asks for it once the session is there: so it
// is kept as long as somebody holds it, and made again from what it consists of.
// What was changed in its bags stays changed: they share their maps.
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

// context is the same for all who hold it at the same time.
func (o *origin) context() *types.HttpContext {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx := o.made.Value(); ctx != nil {
		return ctx
	}
	ctx := types.NewHttpContext(response{o.header}, o.request)
	// A bag that somebody holds by itself locks its map for itself: the new one
	// gets a copy, in which later changes do not show.
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
