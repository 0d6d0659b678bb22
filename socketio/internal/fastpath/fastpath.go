// Package fastpath installs the mesh's own way to clients in a Socket.IO server: its
// transports take the place of the library's, and its acceptor lets clients in.
//
// A server is given options only, and reads them before it has an engine. So [Path.Prepare]
// puts the path's transports into the options, from where the engine takes them. When the
// engine wants to use one of them for the first time, the path opens its acceptor. An
// engine that is there already gets its acceptor at once.
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

// Why a server keeps the library's transports.
var (
	errOtherWebSocket  = errors.New("the options name another WebSocket transport than the library's")
	errOtherTransports = errors.New("the options name neither the library's WebSocket transport nor a polling one")
	errOtherEngine     = errors.New("the server's engine has another WebSocket transport than the library's")
)

// Env is what all paths of one constructor share.
type Env struct {
	Scheduler *sendqueue.Scheduler
	Inflow    *inflow.Clients
	Gate      *admission.Gate // nil: clients are let in as they come
	Host      hostcompat.Host
	Logger    *slog.Logger
	// Connected is an engine's listener of "connection", called for each client that
	// comes.
	Connected func(...any)
}

// Path is the fast path of one server.
type Path struct {
	env    *Env
	server *socket.Server // nil as long as there are only its options
	shared *wstransport.Shared

	ungated error // see Ungated

	// allowed is the application's AllowRequest; [Path.allowFirst] is in its place among
	// the options.
	allowed config.AllowRequest

	mu       sync.Mutex
	acceptor *wsaccept.Acceptor // nil until it is open
	draining bool               // clients that come are refused
	closed   bool               // likewise, and those that are on their way in are sent away
}

// New makes the path of a server to come.
func New(env *Env) *Path {
	return &Path{env: env, shared: &wstransport.Shared{
		Scheduler: env.Scheduler, Gate: env.Gate, Logger: env.Logger, SlowLog: loglimit.Limiter{Burst: 10}, Needs: env.Host.Needs,
	}}
}

// Install installs the path of a server: the one that is in its options (see
// [Path.Prepare]), or a new one. announces tells whether somebody calls
// wstransport.Transport.Connected for the sockets of a namespace. On an error the server
// is as it was.
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

// Prepared is the path whose transports a server's options have; nil if they have none.
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

// Prepare puts the path's transports into a server's options, in the place of the
// library's. Transports of another make stay.
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

// allowFirst takes the place of the application's AllowRequest, which is what the library
// asks first about a client that begins. As long as the acceptor is closed, it opens the
// acceptor and has the request answered as all later ones are. The error keeps the library
// from answering too. A request for a WebTransport session, which is no GET, stays the
// library's.
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

// isAllowFirst tells whether an option is the allowFirst of some path.
func isAllowFirst(option config.AllowRequest) bool {
	return option != nil && reflect.ValueOf(option).Pointer() == reflect.ValueOf((*Path)(nil).allowFirst).Pointer()
}

// applications is the AllowRequest that the application has given, where an engine's
// option is this.
func (p *Path) applications(option config.AllowRequest) config.AllowRequest {
	if isAllowFirst(option) {
		return p.allowed
	}
	return option
}

// Ungated is why the server's decoders take no [sioparser.Gate], so that clients cannot
// be held back; nil if they do.
func (p *Path) Ungated() error { return p.ungated }

// librarys is the constructor that the library has in the place of a path's.
func librarys(ctor engine.TransportCtor) engine.TransportCtor {
	switch ctor := ctor.(type) {
	case *webSocket:
		return ctor.TransportCtor
	case *poller:
		return ctor.Builder.TransportCtor
	}
	return ctor
}

// isLibrarys tells whether this is the library's WebSocket transport, or that of a path.
func isLibrarys(ctor engine.TransportCtor) bool {
	_, ok := librarys(ctor).(*engine.WebSocketBuilder)
	return ok
}

// webSocket takes the place of the library's WebSocket transport.
type webSocket struct {
	engine.TransportCtor
	path *Path
}

// poller takes the place of the library's polling transport.
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

// take hands a client that the library has let in over to the acceptor. It returns nil if
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

// open opens the acceptor of the engine, once there is one.
func (p *Path) open() *wsaccept.Acceptor {
	if p.server == nil || p.server.Engine() == nil {
		return nil // a server that has got other options, or an engine that is not bound
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
		p.env.Logger.Debug("a count is not complete", "error", err) // there was a warning at the start
	}
	if p.draining {
		p.acceptor.Drain()
	}
	if p.closed {
		p.acceptor.Close()
	}
	return p.acceptor
}

// Close lets no more clients in, and none upgrade.
func (p *Path) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if a := p.open(); a != nil {
		a.Close()
	}
}

// Drain refuses clients that come, and upgrades.
func (p *Path) Drain() {
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	if a := p.open(); a != nil {
		a.Drain()
	}
}

// pollingEnv is what the polling transports of the server share.
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

// TransportOf is the connection's transport, if it is a path's; else nil.
func TransportOf(conn engine.Socket) *wstransport.Transport {
	t, _ := conn.Transport().(*wstransport.Transport)
	return t
}
