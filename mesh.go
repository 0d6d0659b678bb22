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
	expires func() time.Time // of the certificate
	ops     *opsServer

	drainRate int           // clients per second
	drainTime time.Duration // of Run; 0 or less: it does not drain
	draining  atomic.Bool

	log *slog.Logger
}

// New puts a mesh together from cfg and options. It does nothing yet: neither
// listens nor dials. Errors are [*core.ConfigError], which name the field.
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
		_ = m.node.Shutdown(ctx) // nobody has had the time to become a peer that is owed something
		return err
	}
	return nil
}

// Shutdown leaves the mesh: says so to the others, sends what is queued as long
// as ctx lets it, and closes all links. It is idempotent. Close the Socket.IO
// server before, so that its last words are sent. A Socket.IO server that is still
// open lets no new clients in from here on: they are answered with 503, as after its
// Close. Those that it has stay until it is closed.
func (m *Mesh) Shutdown(ctx context.Context) error {
	m.draining.Store(true)
	m.adapter.StopAccepting()
	err := m.node.Shutdown(ctx)
	m.ops.stop(ctx) // last: until here it says that this server is not ready
	return err
}

// Drain sends the clients of this server away, perSecond of them in a second, 0 meaning
// Config.DrainRate. They connect again by themselves, to other servers: from here on this
// one refuses new clients with 503 and Retry-After, and reports [Mesh.Draining], by which
// a load balancer knows. What was sent to a client before its turn reaches it.
//
// If ctx has a deadline that would pass before, the clients go faster. Drain returns when
// the last one has gone, or with an error that says how many are left when ctx ends. The
// mesh works on meanwhile, and after: [Mesh.Shutdown] is what comes next. There is no way
// back.
func (m *Mesh) Drain(ctx context.Context, perSecond int) error {
	m.draining.Store(true)
	return m.adapter.Drain(ctx, cmp.Or(perSecond, m.drainRate))
}

// Draining tells whether Drain or Shutdown was called: this server wants no new clients.
func (m *Mesh) Draining() bool { return m.draining.Load() }

// Handler lets other servers in on the port of the application's own HTTP server,
// where Config.Listen is [ListenHandler]. Mount it at the path of Config.Advertise,
// beside Socket.IO's:
//
//	mux.Handle("/socket.io/", io.ServeHandler(nil))
//	mux.Handle("/mesh", m.Handler())
//
// It answers 503 before Start and after Shutdown. Links outlive the HTTP server's
// Shutdown, so that either may be shut down first. The server needs HTTP/1.1; it
// may speak HTTP/2 too. If Config.TLS has a CAFile, the server's TLS has to ask for
// certificates (tls.RequestClientCert will do); the handler verifies them. If
// something in front of the server ends TLS, leave CAFile empty and set AuthToken.
func (m *Mesh) Handler() http.Handler { return m.handler }

// ID is this server's id in the mesh.
func (m *Mesh) ID() string { return m.node.ID() }

// Addr is the address at which it listens for peers, with the real port; "" before
// Start.
func (m *Mesh) Addr() string { return m.node.Addr() }

// Advertised is the address that peers dial; "" before Start.
func (m *Mesh) Advertised() string { return m.node.Advertised() }

// Peers lists the servers with a link to this one, sorted by id.
func (m *Mesh) Peers() []core.PeerInfo { return m.node.Peers() }

// Stats takes a snapshot of the links to other servers, and of what went over them.
func (m *Mesh) Stats() core.Stats {
	s := m.node.Stats()
	s.Certificate = m.expires()
	return s
}

// Configure sets the options of a Socket.IO server to come, so that the server is part
// of the mesh: its adapter, its parser and its transports. A parser and transports of
// the application's own stay, an adapter that is not this mesh's is an error. See
// [socketio.Constructor.Configure].
func (m *Mesh) Configure(options *socket.ServerOptions) error { return m.adapter.Configure(options) }

// Adapter is what Configure sets as a server's adapter, before Start or after. A server
// that is given nothing but the adapter is part of the mesh, too. All namespaces of
// that server share the one node. It is for one server at a time: several in one
// process need a Mesh each. While one is open, socket.NewServer panics for another
// one, with an error that wraps [socketio.ErrSecondServer] and says where both were
// made.
func (m *Mesh) Adapter() socket.AdapterConstructor { return m.adapter }

// ClientStats has counters of this server's clients: how many there are, how many were
// too slow, how much was written to them.
func (m *Mesh) ClientStats() socketio.ClientStats { return m.adapter.ClientStats() }

// WaitForPeers returns when links to at least n other servers are up: what is emitted
// then reaches their clients. ctx bounds the wait. If it ends before, or the mesh is
// shut down, the error is a [*core.PeersError], which says how many servers are
// linked, which of those that discovery knows are not, and why. It may be called
// before Start, and several times at once.
func (m *Mesh) WaitForPeers(ctx context.Context, n int) error { return m.node.WaitForPeers(ctx, n) }

// WaitForCapacity returns when what waits for each of the other servers is at most half of
// Config.QueueBytes and QueueMessages. Emit never blocks: a publisher that is faster than the
// slowest server calls WaitForCapacity before it emits, and no server is ever behind because of it.
// Servers without a link, and those that are being cut for being too slow, are not waited
// for. If ctx ends before, or the mesh is shut down, the error is a [*core.CapacityError] that
// names the servers.
//
// What has become of each message is told to an observer that is a [core.PublicationObserver].
func (m *Mesh) WaitForCapacity(ctx context.Context) error { return m.node.WaitForCapacity(ctx) }

// Ready tells whether this server should get clients: it listens for peers, has heard
// of discovery or is linked to a server, and is linked to at least Config.OpsReadyLinks
// percent, half by default, of the other servers that discovery knows. Else the error is
// a [*core.NotReadyError], which names each check that has failed. It does not block.
// What operators are told at /readyz is the same, and that it does not drain.
func (m *Mesh) Ready() error { return m.ops.handler.Ready() }

// Roster compares the servers that discovery knows with those that are linked.
func (m *Mesh) Roster() core.RosterStatus { return m.node.Roster() }

// How long [Mesh.Run] takes to stop at most: for what is queued for other servers, and
// for requests of the web server that do not end by themselves.
const (
	runShutdownTime = 5 * time.Second
	runRequestTime  = 500 * time.Millisecond
)

// Run starts the mesh, serves clients at web.Addr, and stops all of it when ctx ends or
// the process gets SIGINT or SIGTERM; a second signal ends the process at once. It takes
// the order in which nothing is lost: clients are sent to the other servers, as by
// [Mesh.Drain] and for Config.DrainTime at most, while web still serves those that wait
// for their turn; then nobody new is let in, clients that are left are disconnected,
// others get what is queued for them, and the links are closed. Clients that poll do not
// hold it up. Without a link to another server it does not drain: there is nowhere to go.
//
// If web.Handler is nil, it is io's at "/socket.io/". Run returns nil after a clean
// stop, and otherwise what failed to start, to serve or to stop. Programs that have more
// to stop call Start and Shutdown themselves.
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
		stop() // a second signal is not caught
		m.drainToOthers()
	}
	return errors.Join(served, m.stopServing(io, web))
}

// drainToOthers sends the clients to other servers, if there are any, while the web
// server still serves them. Those that have not gone in time are left to stopServing.
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
		if web.Shutdown(requests) != nil { // lets nobody new in from here on
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
