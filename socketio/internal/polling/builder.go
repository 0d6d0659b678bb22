package polling

import (
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
)

// Env is shared by the transports of one engine.
type Env struct {
	Engine engine.BaseServer

	// PingDelay is for how long a ping is held back. The library's engine socket sends a
	// ping and then begins to wait for the pong; it would miss a pong that comes in
	// between, and close the client.
	PingDelay time.Duration

	// Clock measures PingTimeout, the time that clients have for a pong, and how late the
	// process is. Without it, a client whose pong is late because of the process is closed.
	Clock       *timingwheel.Wheel
	PingTimeout time.Duration

	// HeldBeat is the interval at which a client that is held back, and so cannot send
	// pongs, counts as alive.
	HeldBeat time.Duration

	// Accounts limits what waits for clients, and Slow is called for each client that was
	// disconnected because of it. Without Accounts there is no limit.
	Accounts *sendqueue.Scheduler
	Slow     func(sid, remote string, err *backlog.Error)
}

// Builder is the library's constructor of "polling" transports. Its transports are this
// package's, around the library's.
type Builder struct {
	engine.TransportCtor // the library's

	// Env returns what the transports share, or nil if there is no engine for which this
	// package can work: then the library's transport is used.
	Env func() *Env

	// Take takes over a client that the library has accepted without the mesh's acceptor,
	// and returns a closed transport, with which the library gives up. Otherwise it returns
	// nil. Take may be nil.
	Take func(*types.HttpContext) transports.Transport
}

// New makes the transport of a client whose first request this is.
func (b *Builder) New(ctx *types.HttpContext) transports.Transport {
	if b.Take != nil {
		if taken := b.Take(ctx); taken != nil {
			return taken
		}
	}
	inner := b.TransportCtor.New(ctx)
	env := b.Env()
	library, ok := inner.(transports.Polling)
	if !ok || env == nil {
		return inner
	}
	return newTransport(library, env, ctx)
}
