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

// Env is what the transports of one engine share.
type Env struct {
	Engine engine.BaseServer

	// PingDelay is for how long a ping is held back. The library's engine socket sends
	// a ping and then begins to wait for the pong; one that comes in between is lost,
	// and the client is given up.
	PingDelay time.Duration

	// Clock measures the time that clients have for a pong, PingTimeout, and how late the
	// process is. Without it nobody looks whether a pong is missing because of that.
	Clock       *timingwheel.Wheel
	PingTimeout time.Duration

	// HeldBeat is how often a client that is held back, and so cannot be heard, counts
	// as alive.
	HeldBeat time.Duration

	// Accounts bounds what waits for clients, and Slow is told which were cut. Without
	// Accounts nothing is bounded.
	Accounts *sendqueue.Scheduler
	Slow     func(sid, remote string, err *backlog.Error)
}

// Builder is the library's constructor of "polling" transports, with this package's
// transport around the library's.
type Builder struct {
	engine.TransportCtor // the library's

	// Env returns what transports share. It is nil where there is no engine that this
	// package could work for: then the library's transport does.
	Env func() *Env

	// Take takes a client over that the library has let in, if that is not the way in,
	// and returns a transport for the library to give up. Else it returns nil. Take may
	// be nil.
	Take func(*types.HttpContext) transports.Transport
}

// New makes the transport of a client that begins with this request.
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
