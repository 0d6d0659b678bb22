package mesh

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/socketio"
)

// Mesh is this process's part in a mesh: a node, and the adapter that lets
// Socket.IO servers act on all of it.
type Mesh struct {
	node    *node.Node
	handler http.Handler
	adapter *socketio.Constructor
	expires func() time.Time // when the certificate expires; the zero time without one
	ops     *opsServer

	drainRate int           // clients per second
	drainTime time.Duration // how long Run drains; 0 or less: it does not drain
	draining  atomic.Bool

	log *slog.Logger
}

// New builds a mesh from cfg and options. It neither listens nor dials: [Mesh.Start] does.
// Errors are [*core.ConfigError], which name the field.
func New(cfg Config, options ...Option) (*Mesh, error) {
	b := &builder{config: cfg}
	b.take(options)
	m, err := b.build()
	if err != nil {
		return nil, blameEnvironment(err)
	}
	return m, nil
}

// Start listens for peers and looks for them. It returns as soon as this server
// can be reached; links to peers come up as they are found. ctx limits the call,
// not the mesh's life. After an error nothing is left to be undone.
func (m *Mesh) Start(ctx context.Context) error {
	if err := m.node.Start(ctx); err != nil {
		return err
	}
	if err := m.ops.start(ctx); err != nil {
		_ = m.node.Shutdown(ctx) // this node has just started: no peer waits for anything from it
		return err
	}
	return nil
}

// Shutdown leaves the mesh: it tells the other servers, sends what is queued for them until
// ctx ends, and closes all links. It is idempotent. Close the Socket.IO server first, so
// that its last messages are sent. A Socket.IO server that is still open accepts no new
// clients from here on: they are answered with 503, as after its Close. Clients that are
// connected stay so until it is closed.
func (m *Mesh) Shutdown(ctx context.Context) error {
	m.draining.Store(true)
	m.adapter.StopAccepting()
	err := m.node.Shutdown(ctx)
	m.ops.stop(ctx) // last: until then /readyz answers that this server is not ready
	return err
}

// Drain disconnects the clients of this server, perSecond of them in a second; 0 means
// Config.DrainRate. Clients reconnect by themselves, and reach other servers: from here on
// this server refuses new clients with 503 and Retry-After, and [Mesh.Draining] is true,
// which tells a load balancer. What was sent to a client before it is disconnected reaches
// it.
//
// If ctx's deadline is too early for that rate, the clients are disconnected faster. Drain
// returns when no client is left, or when ctx ends, with an error that says how many are
// left. The mesh keeps working during and after it: [Mesh.Shutdown] is the next step. A
// drain cannot be undone.
func (m *Mesh) Drain(ctx context.Context, perSecond int) error {
	m.draining.Store(true)
	return m.adapter.Drain(ctx, cmp.Or(perSecond, m.drainRate))
}

// Draining reports whether Drain or Shutdown was called: this server wants no new clients.
func (m *Mesh) Draining() bool { return m.draining.Load() }

// Handler accepts links from other servers on the port of the application's own HTTP
// server, where Config.Listen is [ListenHandler]. Mount it at the path of Config.Advertise,
// beside Socket.IO's handler:
//
//	mux.Handle("/socket.io/", io.ServeHandler(nil))
//	mux.Handle("/mesh", m.Handler())
//
// The handler answers 503 before Start and after Shutdown. Links outlive the HTTP server's
// Shutdown, so that either may be shut down first. The server needs HTTP/1.1; it may speak
// HTTP/2 too. If Config.TLS has a CAFile, the server's TLS has to ask for certificates
// (tls.RequestClientCert will do); the handler verifies them. If something in front of the
// server ends TLS, leave CAFile empty and set AuthToken.
func (m *Mesh) Handler() http.Handler { return m.handler }

// ID is this server's id in the mesh.
func (m *Mesh) ID() string { return m.node.ID() }

// Addr is the address at which the node listens for peers, with the real port; "" before
// Start.
func (m *Mesh) Addr() string { return m.node.Addr() }

// Advertised is the address that peers dial; "" before Start.
func (m *Mesh) Advertised() string { return m.node.Advertised() }

// Peers lists the servers with a link to this one, sorted by id.
func (m *Mesh) Peers() []core.PeerInfo { return m.node.Peers() }

// Stats returns a snapshot of the links to other servers, and of their traffic.
func (m *Mesh) Stats() core.Stats {
	s := m.node.Stats()
	s.Certificate = m.expires()
	return s
}

// Configure makes the Socket.IO server that is created with options a part of the mesh: it
// sets the adapter, the parser and the transports. A parser and transports that the
// application has set stay; an adapter that is not this mesh's is an error. See
// [socketio.Constructor.Configure].
func (m *Mesh) Configure(options *socket.ServerOptions) error { return m.adapter.Configure(options) }

// Adapter returns the adapter that Configure sets. It may be used before Start or after; a
// server whose options have nothing but this adapter is part of the mesh, too. All
// namespaces of that server share the one node. A Mesh serves one Socket.IO server at a
// time: several in one process need a Mesh each. While one is open, socket.NewServer panics
// for a second one, with an error that wraps [socketio.ErrSecondServer] and says where both
// were made.
func (m *Mesh) Adapter() socket.AdapterConstructor { return m.adapter }

// ClientStats returns counters of this server's clients: how many there are, how many were
// too slow, how much was written to them.
func (m *Mesh) ClientStats() socketio.ClientStats { return m.adapter.ClientStats() }

// WaitForPeers returns when links to at least n other servers are up: what is emitted
// then reaches their clients. ctx bounds the wait. If it ends before, or the mesh is
// shut down, the error is a [*core.PeersError], which says how many servers are
// linked, which of those that discovery knows are not, and why. It may be called
// before Start, and several times at once.
func (m *Mesh) WaitForPeers(ctx context.Context, n int) error { return m.node.WaitForPeers(ctx, n) }

// WaitForCapacity returns when no other server has more than half of Config.QueueBytes and
// QueueMessages waiting for it. Emit never blocks: a publisher that is faster than the
// slowest server calls WaitForCapacity before it emits, and then no server falls behind
// because of it. Servers without a link, and those that are being cut for being too slow,
// are not waited for. If ctx ends first, or the mesh is shut down, the error is a
// [*core.CapacityError] that names the servers.
//
// An observer that is a [core.PublicationObserver] learns what became of each message.
func (m *Mesh) WaitForCapacity(ctx context.Context) error { return m.node.WaitForCapacity(ctx) }

// Ready returns nil if this server should get clients: it listens for peers, has heard from
// discovery or is linked to a server, and is linked to at least Config.OpsReadyLinks
// percent, half by default, of the other servers that discovery knows. Otherwise the error
// is a [*core.NotReadyError], which names each check that failed. Ready does not block.
// Operators get the same answer at /readyz, which fails during a drain, too.
func (m *Mesh) Ready() error { return m.ops.handler.Ready() }

// Roster compares the servers that discovery knows with those that are linked.
func (m *Mesh) Roster() core.RosterStatus { return m.node.Roster() }

// The longest times that [Mesh.Run] takes to stop: to send what is queued for other
// servers, and for requests to the web server that do not end by themselves.
const (
	runShutdownTime = 5 * time.Second
	runRequestTime  = 500 * time.Millisecond
)

// Run starts the mesh, serves clients at web.Addr, and stops both when ctx ends or the
// process gets SIGINT or SIGTERM; a second signal ends the process at once. It stops in the
// order that loses nothing. First it sends clients to the other servers, as [Mesh.Drain]
// does, for Config.DrainTime at most, while web still serves those that are not
// disconnected yet. Then it accepts no new clients, disconnects those that are left, sends
// other servers what is queued for them, and closes the links. Clients that poll do not
// delay it. Without a link to another server Run does not drain: clients would have no
// server to go to.
//
// If web.Handler is nil, Run sets it to io's handler at "/socket.io/". Run returns nil
// after a clean stop, and otherwise the error of starting, serving or stopping. Programs
// that have more to stop call Start and Shutdown themselves.
func (m *Mesh) Run(ctx context.Context, io *socket.Server, web *http.Server) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if web.Handler == nil {
		mux := http.NewServeMux()
		mux.Handle("/socket.io/", io.ServeHandler(nil))
		web.Handler = mux
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", web.Addr)
	if err != nil {
		io.Close(nil)
		return err
	}
	if err := m.Start(ctx); err != nil {
		listener.Close()
		io.Close(nil)
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	var served error
	select {
	case served = <-failed:
	case <-ctx.Done():
		stop() // from here on a second signal ends the process
		m.drainToOthers()
	}
	return errors.Join(served, m.stopServing(io, web))
}

// drainToOthers disconnects the clients, if there are other servers for them, while the web
// server still serves the rest. stopServing disconnects those that are left after
// drainTime.
func (m *Mesh) drainToOthers() {
	if m.drainTime <= 0 || len(m.Peers()) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.drainTime)
	defer cancel()
	if err := m.Drain(ctx, 0); err != nil {
		m.log.Warn("clients that are left are disconnected at once: DrainTime (MESH_DRAIN_TIME) is over", "error", err, "drain_time", m.drainTime)
	}
}

// stopServing ends the clients' connections, the mesh and the web server.
func (m *Mesh) stopServing(io *socket.Server, web *http.Server) error {
	requests, cancel := context.WithTimeout(context.Background(), runRequestTime)
	defer cancel()
	var closing sync.WaitGroup
	closing.Go(func() {
		if web.Shutdown(requests) != nil { // stops accepting connections at once, then waits for requests
			web.Close()
		}
	})
	io.Close(nil)
	ctx, cancelShutdown := context.WithTimeout(context.Background(), runShutdownTime)
	defer cancelShutdown()
	err := m.Shutdown(ctx)
	closing.Wait()
	return err
}
