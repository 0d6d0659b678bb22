package session

import (
	"net/http"
	"sync"
	"time"
	"weak"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// requestContext is the request that a session began with. The library's context around it
// takes a kilobyte, and is hardly ever used once the session is open. So the context is
// kept only as long as the application holds it, and is made again from its parts. What the
// application has changed in its parameter bags stays changed: the maps are shared.
type requestContext struct {
	request   *http.Request
	header    http.Header // of the response
	query     map[string][]string
	websocket *types.WebSocketConn
	idle      time.Duration

	mu      sync.Mutex
	made    weak.Pointer[types.HttpContext]
	queries weak.Pointer[types.ParameterBag] // the context's bags
	headers weak.Pointer[types.ParameterBag]
}

func (c *requestContext) keep(ctx *types.HttpContext) {
	c.request, c.header = ctx.Request(), ctx.Response().Header()
	c.query = ctx.Query().All()
	ctx.Query().Replace(c.query)
	c.websocket, c.idle = ctx.Websocket, ctx.IdleTimeout
	c.remember(ctx)
}

func (c *requestContext) remember(ctx *types.HttpContext) {
	c.made, c.queries, c.headers = weak.Make(ctx), weak.Make(ctx.Query()), weak.Make(ctx.Headers())
}

// context returns the same context to all callers as long as one of them holds it.
func (c *requestContext) context() *types.HttpContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx := c.made.Value(); ctx != nil {
		return ctx
	}
	ctx := types.NewHttpContext(response{c.header}, c.request)
	// If the application holds a bag without its context, that bag has its own lock: the
	// new bag gets a copy of its map, and later changes in one do not show in the other.
	if bag := c.queries.Value(); bag != nil {
		c.query = bag.All()
	}
	if bag := c.headers.Value(); bag != nil {
		ctx.Headers().Replace(bag.All())
	}
	ctx.Query().Replace(c.query)
	ctx.Websocket, ctx.IdleTimeout = c.websocket, c.idle
	c.remember(ctx)
	return ctx
}
