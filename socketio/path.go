package socketio

import (
	"log/slog"
	"sync"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/door"
	"github.com/socketmesh/mesh/socketio/internal/intake"
	"github.com/socketmesh/mesh/socketio/internal/outbox"
	"github.com/socketmesh/mesh/socketio/internal/polling"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// path is the delivery path of one server: its transport takes the place of the
// library's, and its door lets WebSocket clients in.
//
// The adapter is all that a server is given, and it is made before the server's
// engine. So the path puts its transports among the server's options, from where
// the engine takes them, and opens its door when the engine uses one for the first
// time. An engine that is there already gets its door at once.
type path struct {
	server *socket.Server
	port   *wstransport.Port
	logger *slog.Logger

	mu   sync.Mutex
	door *door.Door // nil until it is open
}

// lay lays the path of a server. If it cannot, nothing has changed, and reason
// says what is in the way.
func lay(server *socket.Server, office *outbox.Office, holds func(namespace string) bool, logger *slog.Logger) (p *path, reason string) {
	p = &path{server: server, logger: logger}
	p.port = &wstransport.Port{Office: office, Logger: logger, Plain: intake.Plain(server.Encoder()), Holds: holds}
	if engine := server.Engine(); engine != nil {
		if !stockWebSocket(engine.TransportsByName()[transports.WEBSOCKET]) {
			return nil, "the server's engine has another WebSocket transport"
		}
		p.open(engine)
		return p, ""
	}
	set, reason := p.transports(server.Opts().Transports())
	if reason != "" {
		return nil, reason
	}
	server.Opts().SetTransports(set)
	return p, ""
}

// transports is the set of the server's transports, with the path's in the place
// of the library's; nil means the library's default.
func (p *path) transports(given *types.Set[engine.TransportCtor]) (*types.Set[engine.TransportCtor], string) {
	set := types.NewSet[engine.TransportCtor]()
	if given == nil {
		given = types.NewSet(engine.Polling, engine.WebSocket)
	}
	found := false
	for _, ctor := range given.Keys() {
		switch {
		case ctor.Name() == transports.WEBSOCKET && stockWebSocket(ctor):
			found = true
			ctor = &wstransport.Builder{Build: p.build}
		case ctor.Name() == transports.WEBSOCKET:
			return nil, "the options name another WebSocket transport"
		case ctor.Name() == transports.POLLING:
			ctor = &polling.Builder{TransportCtor: ctor, Env: p.pollingEnv}
		}
		set.Add(ctor)
	}
	if !found {
		return nil, "the options name no WebSocket transport"
	}
	return set, ""
}

// stockWebSocket tells the library's transport, and that of another path.
func stockWebSocket(ctor engine.TransportCtor) bool {
	switch ctor.(type) {
	case *engine.WebSocketBuilder, *wstransport.Builder:
		return true
	}
	return false
}

// build makes the transport of a connection that came in past the door: the first.
func (p *path) build(ctx *types.HttpContext) transports.Transport {
	server := p.server.Engine()
	if server == nil {
		return transports.NewWebSocket(ctx)
	}
	p.open(server)
	conn := wstransport.Conn{
		WebSocketConn: ctx.Websocket,
		Deflate:       server.Opts().PerMessageDeflate() != nil && door.Deflates(ctx.Request().Header),
	}
	var t *wstransport.Transport
	if ctx.Query().Has("sid") {
		t = wstransport.NewUpgrade(p.port, conn, ctx)
	} else {
		t = wstransport.New(p.port, conn, ctx, nil)
	}
	t.LimitMessages(server.Opts().MaxHttpBufferSize())
	return t
}

// open opens the door of the engine, once there is one. Its last listener of
// "connection" lets a transport begin to read: the server listens by then. A client
// that polls may be upgraded.
func (p *path) open(server engine.BaseServer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.door != nil || server == nil {
		return
	}
	_ = server.On("connection", func(args ...any) {
		conn := args[0].(engine.Socket)
		if t := transportOf(conn); t != nil {
			t.Start()
			return
		}
		_ = conn.Once("upgrade", exchange{conn}.done)
	})
	var err error
	if p.door, err = door.Open(server, p.port); err != nil {
		p.logger.Warn("ClientsCount leaves out clients that connect by WebSocket directly", "reason", err)
	}
}

// close lets no more clients in, and none upgrade.
func (p *path) close() {
	p.open(p.server.Engine())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.door != nil {
		p.door.Close()
	}
}

// pollingEnv is what the polling transports of the server share.
func (p *path) pollingEnv() *polling.Env {
	server := p.server.Engine()
	if server == nil {
		return nil
	}
	p.open(server)
	return &polling.Env{Engine: server, PingDelay: p.port.PingDelay}
}

// transportOf is the connection's transport, if it is the path's.
func transportOf(conn engine.Socket) *wstransport.Transport {
	t, _ := conn.Transport().(*wstransport.Transport)
	return t
}
