package socketio

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
	"github.com/socketmesh/mesh/socketio/internal/fastpath"
	"github.com/socketmesh/mesh/socketio/internal/fetch"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// Opener opens namespaces of the mesh. The node inside a mesh.Mesh is one.
//
// An Opener may have these methods as well:
//
//	// Occupancy returns what is told which rooms of a namespace have members, or nil.
//	Occupancy(namespace string) core.Occupancy
//
//	// Standalone makes the adapter of a namespace that works without the mesh,
//	// because Adapter has failed or a wrapper is broken. It never fails. Without
//	// this method [Constructor.New] panics for such a namespace.
//	Standalone(namespace string, host core.Host) core.Adapter
type Opener interface {
	Adapter(namespace string, host core.Host) (core.Adapter, error)
}

// occupancyOpener and standaloneOpener are the optional methods of an [Opener].
type occupancyOpener interface {
	Occupancy(namespace string) core.Occupancy
}

type standaloneOpener interface {
	Standalone(namespace string, host core.Host) core.Adapter
}

var _ socket.AdapterConstructor = (*Constructor)(nil)

// Constructor makes the adapters of one Socket.IO server. After that server is closed it
// may serve another one. While it is open, socket.NewServer panics for a second one with an
// error that wraps [ErrSecondServer]: both have the namespace "/", which a node can open
// only once.
type Constructor struct {
	node     Opener
	logger   *slog.Logger
	adapters []func(namespace string, a core.Adapter) core.Adapter // wrappers, innermost first
	hosts    []func(namespace string, h core.Host) core.Host       // likewise

	host        hostcompat.Host
	clients     ClientOptions
	fastpath    fastpath.Env
	fetched     *fetch.Cache
	connections connections

	mu         sync.Mutex
	open       map[string]*adapter               // by namespace
	namespaces map[*socket.Server]int            // the number of open namespaces of each server
	madeAt     map[*socket.Server]string         // where each server was made, as "file:line"
	fast       map[*socket.Server]*fastpath.Path // servers with a fast path

	draining bool // no new clients are accepted
}

// New returns the adapter constructor of a node. Give it to the server with
// ServerOptions.SetAdapter before socket.NewServer. Server.SetAdapter works too, but only
// as long as no client is connected: the library then forgets all rooms.
//
// The adapter installs a fast path to the server's WebSocket clients, see [ClientOptions].
// It replaces the transports that the options name, so name them together with the adapter,
// not in the options of Listen, Attach or ServeHandler. If the options name a WebSocket
// transport other than the library's, the server keeps it, and a warning is logged.
//
// A nil node, and an option with a nil value, is a mistake in the program: New panics with
// a [*core.ConfigError] that names it.
func New(node Opener, opts ...Option) *Constructor {
	c := &Constructor{
		node:       node,
		host:       hostcompat.Running(),
		logger:     slog.Default(),
		fetched:    fetch.NewCache(),
		open:       map[string]*adapter{},
		namespaces: map[*socket.Server]int{},
		madeAt:     map[*socket.Server]string{},
		fast:       map[*socket.Server]*fastpath.Path{},
	}
	if isnil.Value(node) {
		panic(nilValue[Opener]("New"))
	}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	c.fastpath = fastpath.Env{
		Scheduler: sendqueue.NewScheduler(c.clients.scheduler()),
		Inflow:    inflow.NewClients(c.clients.inflow()),
		Gate:      c.clients.gate(c.logger),
		Host:      c.host,
		Logger:    c.logger,
		Connected: c.connections.opened,
	}
	return c
}

// New makes the adapter of a namespace and opens the namespace in the mesh. It closes the
// adapter that the new one replaces, which the library does not do. If the mesh refuses (it
// is shut down), that is logged and the namespace works on its own. If the mesh has another
// server already, New panics.
func (c *Constructor) New(nsp socket.Namespace) socket.Adapter {
	c.closePrevious(nsp)
	isNew := c.register(nsp.Server())
	rival := c.otherServer(nsp.Server())
	if rival == "" && isNew {
		c.install(nsp.Server())
	}
	a := newAdapter(nsp, c.fetched, c.logger.With("namespace", nsp.Name()), c.forget)
	if rival != "" {
		return c.secondServer(a, isNew, "made at "+rival)
	}
	if nsp.Name() == "/" {
		a.onServerClose = func() { c.closePath(nsp.Server()) }
	}
	mesh, err := c.openInMesh(a)
	if errors.Is(err, core.ErrNamespaceOpen) {
		return c.secondServer(a, isNew, "which has another adapter constructor")
	}
	if err != nil {
		a.logger.Error("namespace works without the mesh", "error", err)
		mesh = localFirstAdapter{c.standalone(nsp.Name(), a.host, err), a.rooms}
	}
	a.join(mesh, len(c.hosts) == 0)
	c.remember(a)
	return a
}

// install installs the parser and the fast path of a server, and logs what does not work
// with the version of its library.
func (c *Constructor) install(server *socket.Server) {
	losses := c.losses()
	if err := installParser(server, c.namespace, c.logger); err != nil && !errors.Is(err, hostcompat.ErrForeignParser) {
		losses = append(losses, lossOfParser(err))
	}
	if c.clients.Library {
		c.logger.Info("delivery to WebSocket clients is left to the Socket.IO library", "reason", "the option ClientOptions.Library")
	} else if p, err := fastpath.Install(&c.fastpath, server, func(namespace string) bool { return c.announces(server, namespace) }); err != nil {
		losses = append(losses, lossOfFastPath(err))
	} else {
		if err := p.Ungated(); err != nil {
			losses = append(losses, lossOfGate(err))
		}
		c.mu.Lock()
		c.fast[server] = p
		draining := c.draining
		c.mu.Unlock()
		if draining {
			p.Drain()
		}
	}
	c.host.Warn(c.logger, losses...)
}

// closePath makes a server that closes accept no more clients.
func (c *Constructor) closePath(server *socket.Server) {
	c.mu.Lock()
	p := c.fast[server]
	delete(c.fast, server)
	c.mu.Unlock()
	if p != nil {
		p.Close()
	}
}

// StopAccepting accepts no more clients: new clients, and clients that want to upgrade, are
// answered with 503. Connected clients stay. It has no effect on servers whose clients are
// left to the library, see [ClientOptions].
func (c *Constructor) StopAccepting() {
	c.mu.Lock()
	paths := slices.Collect(maps.Values(c.fast))
	c.mu.Unlock()
	for _, p := range paths {
		p.Close()
	}
}

// namespace returns the open namespace called name, or nil.
func (c *Constructor) namespace(name string) socket.Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.open[name]; a != nil {
		return a.Nsp()
	}
	return nil
}

// announces reports whether the adapter of a namespace is the first listener of "connect".
func (c *Constructor) announces(server *socket.Server, namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.open[namespace]
	return a != nil && a.hearsFirst && a.Nsp().Server() == server
}

// openInMesh opens the namespace in the mesh, and puts the wrappers around its host and its
// adapter.
func (c *Constructor) openInMesh(a *adapter) (core.Adapter, error) {
	name := a.Nsp().Name()
	host, err := wrapped(name, core.Host(a.host), c.hosts)
	if err != nil {
		return nil, fmt.Errorf("wrapper of the host: %w", err)
	}
	mesh, err := c.node.Adapter(name, host)
	if errors.Is(err, core.ErrNamespaceOpen) {
		return nil, err
	}
	if err != nil {
		a.logger.Error("namespace works without the mesh", "error", err)
		mesh = c.standalone(name, host, err)
	}
	if node, ok := c.node.(occupancyOpener); ok {
		if o := node.Occupancy(name); o != nil {
			a.rooms.Report(o)
		}
	}
	outer, err := wrapped(name, core.Adapter(localFirstAdapter{mesh, a.rooms}), c.adapters)
	if err != nil {
		mesh.Close()
		return nil, fmt.Errorf("wrapper of the adapter: %w", err)
	}
	return outer, nil
}

// standalone makes the adapter of a namespace that works without the mesh. why is the
// reason, for the panic.
func (c *Constructor) standalone(namespace string, host core.Host, why error) core.Adapter {
	opener, ok := c.node.(standaloneOpener)
	if !ok {
		panic(fmt.Errorf("socketio: namespace %q cannot work without the mesh, as %T has no method Standalone: %w", namespace, c.node, why))
	}
	return opener.Standalone(namespace, host)
}

// closePrevious closes the adapter that nsp has, and the adapter of a namespace of the same
// name that nsp replaces: the library may drop an empty namespace while a late client still
// refers to it.
func (c *Constructor) closePrevious(nsp socket.Namespace) {
	if previous, ours := nsp.Adapter().(*adapter); ours {
		previous.close() // not Close, which tells that the server closes
	} else if previous := nsp.Adapter(); previous != nil {
		previous.Close()
	}
	c.mu.Lock()
	previous := c.open[nsp.Name()]
	c.mu.Unlock()
	if previous != nil && previous.Nsp().Server() == nsp.Server() {
		previous.close()
	}
}

func (c *Constructor) remember(a *adapter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := a.Nsp().Name()
	if previous := c.open[name]; previous != nil {
		c.closed(previous)
	}
	c.open[name] = a
	c.namespaces[a.Nsp().Server()]++
}

func (c *Constructor) forget(a *adapter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[a.Nsp().Name()] == a {
		delete(c.open, a.Nsp().Name())
		c.closed(a)
	}
}

// closed counts down the open namespaces of a's server; c.mu is held.
func (c *Constructor) closed(a *adapter) {
	server := a.Nsp().Server()
	if c.namespaces[server]--; c.namespaces[server] == 0 {
		delete(c.namespaces, server)
	}
}

// Of returns the mesh's adapter of a namespace, which has more than the library's
// interface: Sockets and SocketRooms of all servers, the ids of the servers, requests with
// a context. It is nil if nsp has another kind of adapter, as parent namespaces have.
func Of(nsp socket.Namespace) core.Adapter {
	if a, ok := nsp.Adapter().(*adapter); ok {
		return a.core
	}
	return nil
}
