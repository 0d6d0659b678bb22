package socketio

import (
	"errors"
	"log/slog"
	"reflect"
	"sync"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/loglimit"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/lifecycle"
	"github.com/socketmesh/mesh/socketio/internal/polling"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
	"github.com/socketmesh/mesh/socketio/internal/wsaccept"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// path is the delivery path of one server: its transports take the place of the
// library's, and its acceptor lets clients in.
//
// The options are all that a server is given, and it reads them before it has an
// engine. So the path puts its transports among them, from where the engine takes
// them, and opens its acceptor when the engine wants to use one for the first time. An
// engine that is there already gets its acceptor at once.
type path struct {
	server *socket.Server // nil as long as there are only its options
	inflow *inflow.Clients
	shared *wstransport.Shared
	host   hostcompat.Host
	logger *slog.Logger

	// allowed is the option AllowRequest that the application has given; [path.first]
	// is in its place.
	allowed config.AllowRequest

	// ungated is why the server's decoders take no [sioparser.Gate]; nil if they do.
	ungated error

	mu       sync.Mutex
	acceptor *wsaccept.Acceptor // nil until it is open
	closed   bool               // nobody is let in any more
}

// newPath makes the path of a server to come.
func (c *Constructor) newPath() *path {
	return &path{inflow: c.inflow, host: c.host, logger: c.logger,
		shared: &wstransport.Shared{Scheduler: c.scheduler, Logger: c.logger, SlowLog: loglimit.Limiter{Burst: 10}, Needs: c.host.Needs}}
}

// layPath lays the path of a server: the one that [Constructor.Configure] has put into
// its options, or a new one. If it cannot, nothing has changed.
func (c *Constructor) layPath(server *socket.Server) (*path, error) {
	p := preparedPath(server.Opts().Transports())
	if p == nil || p.server != nil {
		p = c.newPath()
		if server.Engine() == nil {
			if err := p.prepare(server.Opts()); err != nil {
				return nil, err
			}
		}
	}
	p.server = server
	if !sioparser.TakesGates(server.Opts().Parser()) {
		p.ungated = hostcompat.WrapParser(server, sioparser.Guarded)
	}
	p.shared.Plain = sioparser.Plain(server.Encoder())
	p.shared.Holds = func(namespace string) bool { return c.announces(server, namespace) }
	if engine := server.Engine(); engine != nil {
		if ctor, ok := engine.TransportsByName()[transports.WEBSOCKET]; ok && !isLibrarys(ctor) {
			return nil, errOtherEngine
		}
		p.open()
	}
	return p, nil
}

// preparedPath is the path whose transports these are, if they are a path's.
func preparedPath(set *types.Set[engine.TransportCtor]) *path {
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

// prepare puts the path's transports into a server's options, in the place of the
// library's. Those of another make stay.
func (p *path) prepare(options socket.ServerOptionsInterface) error {
	given := options.Transports()
	if given == nil {
		given = types.NewSet(engine.Polling, engine.WebSocket)
	}
	set := types.NewSet[engine.TransportCtor]()
	found := false
	for _, ctor := range given.Keys() {
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
	if p.allowed = options.AllowRequest(); isFirst(p.allowed) {
		p.allowed = nil
		if previous := preparedPath(options.Transports()); previous != nil {
			p.allowed = previous.allowed
		}
	}
	if !p.host.Needs.AnswersAgain {
		options.SetAllowRequest(p.first)
	}
	options.SetTransports(set)
	return nil
}

// first takes the place of the application's AllowRequest. That is the library's first
// question about a client which begins: as long as the acceptor is closed, it has the
// request answered as all later ones are, and the library has nothing left to do.
func (p *path) first(ctx *types.HttpContext) error {
	p.mu.Lock()
	opened := p.acceptor != nil
	p.mu.Unlock()
	if d := p.open(); d != nil && !opened {
		d.Answer(ctx)
		return errAnswered
	}
	if p.allowed == nil {
		return nil
	}
	return p.allowed(ctx)
}

var errAnswered = errors.New("the request is answered")

// isFirst tells whether an option is the first of some path.
func isFirst(option config.AllowRequest) bool {
	return option != nil && reflect.ValueOf(option).Pointer() == reflect.ValueOf((*path)(nil).first).Pointer()
}

// applications is what the application has given, of an engine's option.
func (p *path) applications(option config.AllowRequest) config.AllowRequest {
	if isFirst(option) {
		return p.allowed
	}
	return option
}

// librarys is what the constructor of another path takes the place of.
func librarys(ctor engine.TransportCtor) engine.TransportCtor {
	switch ctor := ctor.(type) {
	case *webSocket:
		return ctor.TransportCtor
	case *poller:
		return ctor.Builder.TransportCtor
	}
	return ctor
}

// isLibrarys tells the library's WebSocket transport, and that of a path.
func isLibrarys(ctor engine.TransportCtor) bool {
	_, ok := librarys(ctor).(*engine.WebSocketBuilder)
	return ok
}

// webSocket takes the place of the library's WebSocket transport.
type webSocket struct {
	engine.TransportCtor
	path *path
}

// poller takes the place of the library's polling transport.
type poller struct {
	*polling.Builder
	path *path
}

// New is called for clients that come before the acceptor is open.
func (w *webSocket) New(ctx *types.HttpContext) transports.Transport {
	if t := w.path.take(ctx); t != nil {
		return t
	}
	return w.TransportCtor.New(ctx)
}

// take hands a client over to the acceptor that the library has let in; nil if it is the
// library's.
func (p *path) take(ctx *types.HttpContext) transports.Transport {
	if wsaccept.Greets(ctx) {
		return nil
	}
	d := p.open()
	if d == nil {
		return nil
	}
	return d.Take(ctx)
}

// open opens the acceptor of the engine, once there is one.
func (p *path) open() *wsaccept.Acceptor {
	if p.server == nil || p.server.Engine() == nil {
		return nil // a server that has got other options, or an engine that is not bound
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.acceptor != nil {
		return p.acceptor
	}
	server := p.server.Engine()
	lifecycle.Front(server, p.ungated == nil, p.inflow)
	if p.host.Needs.TakenHidden {
		wsaccept.HideTaken(server)
	}
	if needs := p.host.Needs; needs.UpgradeEndsSocket || needs.UpgradeEndsTransport {
		_ = server.On("connection", func(args ...any) {
			conn := args[0].(engine.Socket)
			if transportOf(conn) == nil { // a client that polls, and may be upgraded
				_ = conn.Once("upgrade", exchange{conn, needs}.done)
			}
		})
	}
	var err error
	if p.acceptor, err = wsaccept.Open(server, p.shared); err != nil {
		p.logger.Debug("a count is not complete", "error", err) // there was a warning at the start
	}
	if p.closed {
		p.acceptor.Close()
	}
	return p.acceptor
}

// close lets no more clients in, and none upgrade.
func (p *path) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if d := p.open(); d != nil {
		d.Close()
	}
}

// pollingEnv is what the polling transports of the server share.
func (p *path) pollingEnv() *polling.Env {
	if p.open() == nil {
		return nil
	}
	return &polling.Env{Engine: p.server.Engine(), PingDelay: p.shared.PingDelay, HeldBeat: p.shared.HeldBeat,
		Accounts: p.shared.Scheduler,
		Slow: func(sid, remote string, err *backlog.Error) {
			p.shared.LogSlow(transports.POLLING, sid, remote, err)
		}}
}

// transportOf is the connection's transport, if it is the path's.
func transportOf(conn engine.Socket) *wstransport.Transport {
	t, _ := conn.Transport().(*wstransport.Transport)
	return t
}
