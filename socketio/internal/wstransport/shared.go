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

// Shared is shared by the transports of one server.
type Shared struct {
	Scheduler *sendqueue.Scheduler
	Poller    netpoll.Poller
	Clock     *timingwheel.Wheel // set before the first transport is made
	Logger    *slog.Logger
	Gate      *admission.Gate // where new clients wait for admission; nil: they do not wait

	SlowLog loglimit.Limiter // for clients that were disconnected because they were slow

	PingDelay   time.Duration // set like Clock; see [PingDelay]
	PingTimeout time.Duration // set like Clock; a client's time for a pong

	// HeldBeat is the interval at which a client that is held back, and so is not read
	// from, counts as alive. It is set like Clock.
	HeldBeat time.Duration

	// Needs are the library's faults that have to be worked around.
	Needs hostcompat.Needs

	// Allowed returns the application's AllowRequest, given the engine's option of that
	// name.
	Allowed func(config.AllowRequest) config.AllowRequest

	// Plain says that messages have Socket.IO's own format. Only then does the transport
	// parse them, to find the packets that need care.
	Plain bool

	// Holds reports whether the answer to CONNECT must be held back until
	// [Transport.Connected] is called for this namespace.
	Holds func(namespace string) bool
}

// LogSlow logs that a client was disconnected because it was slow.
func (s *Shared) LogSlow(transport, sid, remote string, slow *backlog.Error) {
	s.SlowLog.Log(s.Logger, slog.LevelWarn, "", "slow client cut",
		"transport", transport, "sid", sid, "remote", remote, "reason", slow.Reason,
		"queued_bytes", human.Size(slow.Bytes), "queued_frames", slow.Messages, "behind_for", slow.Behind.Round(time.Millisecond))
}

// Conn is a WebSocket connection after its handshake, and what was negotiated for it.
type Conn struct {
	*types.WebSocketConn
	Deflate bool // permessage-deflate is agreed upon
}
