package wstransport

import (
	"log/slog"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/human"
	"github.com/socketmesh/mesh/internal/loglimit"
	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/netpoll"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
)

// Shared is what the transports of one server share.
type Shared struct {
	Scheduler *sendqueue.Scheduler
	Poller    netpoll.Poller
	Clock     *timingwheel.Wheel // set before there is a transport
	Logger    *slog.Logger
	Gate      *admission.Gate // where clients wait to be let in; nil: none does

	SlowLog loglimit.Limiter // of clients that were cut for being slow

	PingDelay   time.Duration // likewise; see [PingDelay]
	PingTimeout time.Duration // likewise: that a client has for a pong

	// HeldBeat is how often a client that is held back, and so cannot be heard, counts
	// as alive; likewise.
	HeldBeat time.Duration

	// Needs are the library's faults that have to be mended.
	Needs hostcompat.Needs

	// Allowed is the application's AllowRequest, of the engine's option of that name.
	Allowed func(config.AllowRequest) config.AllowRequest

	// Plain tells that messages have Socket.IO's own format. Only then are they
	// looked into, for the packets that need care.
	Plain bool

	// Holds tells whether the answer to CONNECT is to be held back until
	// [Transport.Connected] is called for this namespace.
	Holds func(namespace string) bool
}

// LogSlow logs that a client was cut for being slow.
func (s *Shared) LogSlow(transport, sid, remote string, slow *backlog.Error) {
	s.SlowLog.Log(s.Logger, slog.LevelWarn, "", "slow client cut",
		"transport", transport, "sid", sid, "remote", remote, "reason", slow.Reason,
		"queued_bytes", human.Size(slow.Bytes), "queued_frames", slow.Messages, "behind_for", slow.Behind.Round(time.Millisecond))
}

// Conn is a WebSocket connection whose handshake is over, with what it is good
// for.
type Conn struct {
	*types.WebSocketConn
	Deflate bool // permessage-deflate is agreed upon
}
