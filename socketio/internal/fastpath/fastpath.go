// Package fastpath installs the mesh's own way to clients in a Socket.IO server: its
// transports replace the library's, and its acceptor accepts clients.
//
// The mesh gets only the options of a server, before the server has an engine. So
// [Path.Prepare] puts the path's transports into the options, where the engine finds them.
// When the engine is about to use one of them for the first time, the path opens its
// acceptor. An engine that exists already gets its acceptor at once.
package fastpath

import (
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"sync"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/loglimit"
	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/lifecycle"
	"github.com/socketmesh/mesh/socketio/internal/polling"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
	"github.com/socketmesh/mesh/socketio/internal/wsaccept"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// Reasons why a server keeps the library's transports.
var (
	errOtherWebSocket  = errors.New("the options name another WebSocket transport than the library's")
	errOtherTransports = errors.New("the options name neither the library's WebSocket transport nor a polling one")
	errOtherEngine     = errors.New("the server's engine has another WebSocket transport than the library's")
)

// Env is shared by all paths of one constructor.
type Env struct {
	Scheduler *sendqueue.Scheduler
	Inflow    *inflow.Clients
	Gate      *admission.Gate // nil: clients are admitted at once
	Host      hostcompat.Host
	Logger    *slog.Logger
	// Connected is added as a listener of each engine's "connection", and so is called for
	// each new client.
	Connected func(...any)
}

// Path is the fast path of one server.
type Path struct {
	env    *Env
	server *socket.Server // nil while only the options are known
	shared *wstransport.Shared

	ungated error // see Ungated

	// allowed is the application's AllowRequest; [Path.allowFirst] replaces it in the
	// options.
	allowed config.AllowRequest

	mu       sync.Mutex
	acceptor *wsaccept.Acceptor // nil until it is opened
	draining bool               // new clients are refused
	closed   bool               // the same, and clients that are connecting are closed
}

// New makes the path of a server that does not exist yet.
func New(env *Env) *Path {
	return &Path{env: env, shared: &wstransport.Shared{
		Scheduler: env.Scheduler, Gate: env.Gate, Logger: env.Logger, SlowLog: loglimit.Limiter{Burst: 10}, Needs: env.Host.Needs,
	}}
}

// Install installs the path of a server: the one that is in its options (see
// [Path.Prepare]), or a new one. announces reports whether wstransport.Transport.Connected
// will be called for the sockets of a namespace. On an error the server is unchanged.
func Install(env *Env, server *socket.Server, announces func(namespace string) bool) (*Path, error) {
	p := Prepared(server.Opts())
	if p == nil || p.server != nil {
		p = New(env)
		if server.Engine() == nil {
			if err := p.Prepare(server.Opts()); err != nil {
				return nil, err
			}
		}
	}
	p.server = server
	if !sioparser.TakesGates(server.Opts().Parser()) {
		p.ungated = hostcompat.WrapParser(server, sioparser.Guarded)
	}
	p.shared.Plain = sioparser.Plain(server.Encoder())
	p.shared.Holds = announces
	if engine := server.Engine(); engine != nil {
		if ctor, ok := engine.TransportsByName()[transports.WEBSOCKET]; ok && !isLibrarys(ctor) {
			return nil, errOtherEngine
		}
		p.open()
	}
	return p, nil
}

// Prepared returns the path whose transports a server's options have; nil if there is none.
func Prepared(options socket.ServerOptionsInterface) *Path {
	set := options.Transports()
	if set == nil {
		return nil
	}
	for _, ctor := range set.Keys() {
		switch own := ctor.(type) {
		case *webSocket:
			return own.path
		case *poller:
			return own.path
		}
	}
	return nil
}

// Prepare replaces the library's transports in a server's options with the path's.
// Transports of the application stay.
func (p *Path) Prepare(options socket.ServerOptionsInterface) error {
	wanted := options.Transports()
	if wanted == nil {
		wanted = types.NewSet(engine.Polling, engine.WebSocket)
	}
	set := types.NewSet[engine.TransportCtor]()
	found := false
	for _, ctor := range wanted.Keys() {
		ctor = librarys(ctor)
		switch {
		case ctor.Name() == transports.WEBSOCKET && isLibrarys(ctor):
			found = true
			ctor = &webSocket{ctor, p}
		case ctor.Name() == transports.WEBSOCKET:
			return errOtherWebSocket
		case ctor.Name() == transports.POLLING:
			found = true
			ctor = &poller{&polling.Builder{TransportCtor: ctor, Env: p.pollingEnv, Take: p.take}, p}
		}
		set.Add(ctor)
	}
	if !found {
		return errOtherTransports
	}
	p.shared.Allowed = p.applications
	if p.allowed = options.AllowRequest(); isAllowFirst(p.allowed) {
		p.allowed = nil
		if previous := Prepared(options); previous != nil {
			p.allowed = previous.allowed
		}
	}
	if !p.env.Host.Needs.AnswersAgain {
		options.SetAllowRequest(p.allowFirst)
	}
	options.SetTransports(set)
	return nil
}

// allowFirst replaces the application's AllowRequest, which the library calls first for a
// new client. While the acceptor is closed, it opens the acceptor, and lets that answer the
// request like all later ones. It then returns an error to keep the library from answering,
// too. A request for a WebTransport session, which is not a GET, is left to the library.
func (p *Path) allowFirst(ctx *types.HttpContext) error {
	p.mu.Lock()
	opened := p.acceptor != nil
	p.mu.Unlock()
	if !opened && ctx.Method() == http.MethodGet {
		if a := p.open(); a != nil {
			a.Answer(ctx)
			return errAnswered
		}
	}
	if p.allowed == nil {
		return nil
	}
	return p.allowed(ctx)
}

var errAnswered = errors.New("the request is answered")

// isAllowFirst reports whether an option is the allowFirst of some path.
func isAllowFirst(option config.AllowRequest) bool {
	return option != nil && reflect.ValueOf(option).Pointer() == reflect.ValueOf((*Path)(nil).allowFirst).Pointer()
}

// applications returns the application's AllowRequest, given the value of an engine's
// option.
func (p *Path) applications(option config.AllowRequest) config.AllowRequest {
	if isAllowFirst(option) {
		return p.allowed
	}
	return option
}

// Ungated returns why the server's decoders take no [sioparser.Gate], so that clients
// cannot be held back; nil if they do.
func (p *Path) Ungated() error { return p.ungated }

// librarys returns the library's constructor that a path's constructor has replaced.
func librarys(ctor engine.TransportCtor) engine.TransportCtor {
	switch ctor := ctor.(type) {
	case *webSocket:
		return ctor.TransportCtor
	case *poller:
		return ctor.Builder.TransportCtor
	}
	return ctor
}

// isLibrarys reports whether ctor is the library's WebSocket transport, or that of a path.
func isLibrarys(ctor engine.TransportCtor) bool {
	_, ok := librarys(ctor).(*engine.WebSocketBuilder)
	return ok
}

// webSocket replaces the library's WebSocket transport.
type webSocket struct {
	engine.TransportCtor
	path *Path
}

// poller replaces the library's polling transport.
type poller struct {
	*polling.Builder
	path *Path
}

// New is called for clients that come before the acceptor is open.
func (w *webSocket) New(ctx *types.HttpContext) transports.Transport {
	if t := w.path.take(ctx); t != nil {
		return t
	}
	return w.TransportCtor.New(ctx)
}

// take hands a client that the library has accepted over to the acceptor. It returns nil if
// the library keeps the client.
func (p *Path) take(ctx *types.HttpContext) transports.Transport {
	if wsaccept.Greets(ctx) {
		return nil
	}
	a := p.open()
	if a == nil {
		return nil
	}
	return a.Take(ctx)
}

// open opens the acceptor of the engine, if there is an engine.
func (p *Path) open() *wsaccept.Acceptor {
	if p.server == nil || p.server.Engine() == nil {
		return nil // the server got other options, or has no engine yet
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.acceptor != nil {
		return p.acceptor
	}
	server, needs := p.server.Engine(), p.env.Host.Needs
	if p.env.Connected != nil {
		_ = server.On("connection", p.env.Connected)
	}
	lifecycle.Front(server, p.ungated == nil, needs.HeldConnect, p.env.Inflow)
	if needs.TakenHidden {
		wsaccept.HideTaken(server)
	}
	if needs.UpgradeEndsSocket || needs.UpgradeEndsTransport {
		_ = server.On("connection", func(args ...any) {
			conn := args[0].(engine.Socket)
			if TransportOf(conn) == nil { // a client that polls, and may be upgraded
				_ = conn.Once("upgrade", upgradeCloseFix{conn, needs}.upgraded)
			}
		})
	}
	var err error
	if p.acceptor, err = wsaccept.Open(server, p.shared); err != nil {
		p.env.Logger.Debug("a count is not complete", "error", err) // a warning was logged at the start
	}
	if p.draining {
		p.acceptor.Drain()
	}
	if p.closed {
		p.acceptor.Close()
	}
	return p.acceptor
}

// Close accepts no more clients and no upgrades.
func (p *Path) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if a := p.open(); a != nil {
		a.Close()
	}
}

// Drain refuses new clients and upgrades.
func (p *Path) Drain() {
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	if a := p.open(); a != nil {
		a.Drain()
	}
}

// pollingEnv returns what the polling transports of the server share.
func (p *Path) pollingEnv() *polling.Env {
	if p.open() == nil {
		return nil
	}
	return &polling.Env{Engine: p.server.Engine(), PingDelay: p.shared.PingDelay, HeldBeat: p.shared.HeldBeat,
		Clock: p.shared.Clock, PingTimeout: p.shared.PingTimeout,
		Accounts: p.shared.Scheduler,
		Slow: func(sid, remote string, err *backlog.Error) {
			p.shared.LogSlow(transports.POLLING, sid, remote, err)
		}}
}

// TransportOf returns the connection's transport if it is a path's; else nil.
func TransportOf(conn engine.Socket) *wstransport.Transport {
	t, _ := conn.Transport().(*wstransport.Transport)
	return t
}
