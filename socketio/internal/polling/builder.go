package polling

import (
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Env is what the transports of one engine share.
type Env struct {
	Engine engine.BaseServer

	// PingDelay is for how long a ping is held back. The library's engine socket sends
	// a ping and then begins to wait for the pong; one that comes in between is lost,
	// and the client is given up.
	PingDelay time.Duration
}

// Builder is the library's constructor of "polling" transports, with this package's
// transport around the library's.
type Builder struct {
	engine.TransportCtor // the library's

	// Env returns what transports share. It is nil where there is no engine that this
	// package could work for: then the library's transport does.
	Env func() *Env
}

// New makes the transport of a client that begins with this request.
func (b *Builder) New(ctx *types.HttpContext) transports.Transport {
	inner := b.TransportCtor.New(ctx)
	env := b.Env()
	library, ok := inner.(transports.Polling)
	if !ok || env == nil {
		return inner
	}
	return newTransport(library, env, ctx.Query().Has("j"))
}
