// Package session is an engine socket for clients that connect by WebSocket directly. It
// replaces the library's, with the same interface, and leaves out what such a client never
// needs (a buffer for packets that the transport does not take, upgrades) and what costs
// memory (two timers with a goroutine each).
package session

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/emitter"
	"github.com/socketmesh/mesh/socketio/internal/lifecycle"
	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// Env is what all sessions of an engine share.
type Env struct {
	Engine engine.BaseServer
	Clock  *timingwheel.Wheel
	Late   func() time.Duration // returns how late the process was in total, so far
	// Left is called once when a session has closed, before the listeners of "close".
	Left func(*Session)
}

// Session is one client.
type Session struct {
	emitter.Emitter
	env       *Env
	id        string
	protocol  int
	request   requestContext
	remote    string
	transport *wstransport.Transport
	state     atomic.Pointer[string]
	client    lifecycle.Client
	timer     timingwheel.Timer
	awaiting  atomic.Bool  // a ping was sent, and its pong has not been received
	late      atomic.Int64 // Env.Late when the current heartbeat began
	watched   atomic.Bool

	mu        sync.Mutex
	callbacks []engine.SendCallback // one for each packet that is being sent, nil for most
	counting  bool                  // a packet with a callback was sent
}

var (
	_ lifecycle.Follower   = (*Session)(nil)
	_ wstransport.Receiver = (*Session)(nil)
	_ timingwheel.Handler  = (*Session)(nil)
)

// States of an engine socket, as the library has them.
var (
	stateOpening = "opening"
	stateOpen    = "open"
	stateClosing = "closing"
	stateClosed  = "closed"
)

// New makes a session, which is not open yet. The session is its transport's receiver.
func New(env *Env, id string, protocol int, request *types.HttpContext) *Session {
	s := &Session{env: env, id: id, protocol: protocol}
	s.client.Init(s)
	s.request.keep(request)
	s.timer.Handler = s
	s.state.Store(&stateOpening)
	return s
}

// Construct is part of the library's interface; sessions are made by [New].
func (s *Session) Construct(string, engine.BaseServer, transports.Transport, *types.HttpContext, int) {
}

func (s *Session) Id() string                      { return s.id }
func (s *Session) Protocol() int                   { return s.protocol }
func (s *Session) Request() *types.HttpContext     { return s.request.context() }
func (s *Session) RemoteAddress() string           { return s.remote }
func (s *Session) Transport() transports.Transport { return s.transport }
func (s *Session) Upgraded() bool                  { return false }
func (s *Session) Upgrading() bool                 { return false }
func (s *Session) ReadyState() string              { return *s.state.Load() }

// Host returns the host in the client's request.
func (s *Session) Host() string { return s.request.request.Host }

// SetReadyState sets one of the library's states.
func (s *Session) SetReadyState(state string) {
	for _, known := range []*string{&stateOpening, &stateOpen, &stateClosing, &stateClosed} {
		if *known == state {
			s.state.Store(known)
			return
		}
	}
	s.state.Store(&state)
}

// MaybeUpgrade refuses a second transport: there is no better one than WebSocket.
func (s *Session) MaybeUpgrade(transport transports.Transport) { transport.Close() }

// Send sends a message; callback, if not nil, is called when it has been written.
func (s *Session) Send(data io.Reader, options *packet.Options, callback engine.SendCallback) engine.Socket {
	s.send(packet.MESSAGE, data, options, callback)
	return s
}

// Write is Send.
func (s *Session) Write(data io.Reader, options *packet.Options, callback engine.SendCallback) engine.Socket {
	return s.Send(data, options, callback)
}

// Close closes the session and its transport. What has been sent still arrives, if the
// client takes it.
func (s *Session) Close(discard bool) {
	state := s.state.Load()
	if state != &stateOpen && !(discard && state == &stateClosing) {
		return
	}
	if discard {
		s.transport.Discard()
	} else {
		s.state.Store(&stateClosing)
	}
	s.transport.Close(func() { s.close("forced close", nil) })
}

// close closes the session and calls its listeners, once.
func (s *Session) close(reason string, cause error) {
	if s.state.Swap(&stateClosed) == &stateClosed {
		return
	}
	s.env.Clock.Stop(&s.timer)
	s.mu.Lock()
	s.callbacks = nil
	s.mu.Unlock()
	s.transport.Close()
	s.env.Left(s)
	end := []any{reason, cause}
	s.client.Closed(end, func() { s.Emit("close", end...) })
}

// Lifecycle returns the lifecycle of the session's sockets. The sockets leave before the
// listeners of "close" are called, the library's own among them.
func (s *Session) Lifecycle() *lifecycle.Client { return &s.client }

// Failed is called by the transport when the connection broke.
func (s *Session) Failed(err error) { s.close("transport error", err) }

// Closed is called by the transport when it has closed.
func (s *Session) Closed() { s.close("transport close", nil) }
