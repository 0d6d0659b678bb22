package socketio

import (
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// poller makes the library's polling transports. It opens the door when the first
// client begins with polling.
type poller struct {
	engine.TransportCtor
	path *path
}

func (b *poller) New(ctx *types.HttpContext) transports.Transport {
	b.path.open(b.path.server.Engine())
	t := b.TransportCtor.New(ctx)
	if p, ok := t.(transports.Polling); ok {
		return &forgettable{Polling: &orderly{Polling: &heedful{Polling: &unhurried{p, b.path.port.PingDelay}}}}
	}
	return t
}

// forgettable is a polling transport that leaves nothing behind. The library's leaves a
// function in the first request, which the engine socket keeps: so the transport
// would stay, with all that it has, after the client has been upgraded. That
// request is answered through another context therefore.
type forgettable struct {
	transports.Polling
	begun atomic.Bool
}

func (p *forgettable) OnRequest(ctx *types.HttpContext) {
	if p.begun.Swap(true) {
		p.Polling.OnRequest(ctx)
		return
	}
	first := types.NewHttpContext(ctx.Response(), ctx.Request())
	first.Query().Replace(ctx.Query().All())
	_ = first.Once("close", func(...any) { ctx.Flush() })
	p.Polling.OnRequest(first)
}
