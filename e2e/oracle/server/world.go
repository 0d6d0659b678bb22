package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
)

// patience is how long anything may take that must happen.
const patience = time.Minute

// world is the servers of one scenario.
type world struct{ servers []*server }

// server is a Socket.IO server in a mesh, and what its steps have to know.
type server struct {
	io    *socket.Server
	mesh  *mesh.Mesh
	web   *http.Server
	url   string
	quiet bool
	note  func(actor string, entry any)

	mu      sync.Mutex
	vars    map[string]any
	sockets map[string]*socket.Socket // the latest one, by client and namespace
	watched map[socket.Namespace]bool
	spaces  []socket.Namespace // the static ones

	prepared []socket.Namespace // those that the setup has made
	settling map[*socket.Socket]chan struct{}
}

// open starts the servers. They are linked when ready returns.
func open(r request, note func(string, any)) (*world, error) {
	w := &world{}
	listeners := make([]net.Listener, max(r.Servers, 1))
	var peers []string
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners[i] = l
		peers = append(peers, "ws://"+l.Addr().String()+"/mesh")
	}
	if len(peers) == 1 {
		peers = nil
	}
	for _, l := range listeners {
		s, err := start(r, l, peers, note)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.servers = append(w.servers, s)
	}
	return w, nil
}

// start starts one server the documented way, with the mesh on the application's
// port.
func start(r request, l net.Listener, peers []string, note func(string, any)) (*server, error) {
	address := l.Addr().String()
	m, err := mesh.New(mesh.Config{
		Listen:    mesh.ListenHandler,
		Advertise: "ws://" + address + "/mesh",
		Discovery: mesh.DiscoveryStatic,
		Peers:     peers,
	}, mesh.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))))
	if err != nil {
		return nil, err
	}
	config := r.Options.server()
	if err := m.Configure(config); err != nil {
		return nil, err
	}
	s := &server{
		io:      socket.NewServer(nil, config),
		mesh:    m,
		url:     "http://" + address,
		quiet:   r.Options.Quiet,
		note:    note,
		vars:    map[string]any{},
		sockets: map[string]*socket.Socket{}, settling: map[*socket.Socket]chan struct{}{},
		watched: map[socket.Namespace]bool{},
	}
	mux := http.NewServeMux()
	mux.Handle("/mesh", m.Handler())
	path, handler := strings.TrimSuffix(s.io.Path(), "/"), s.io.ServeHandler(nil)
	mux.Handle(path, handler)
	mux.Handle(path+"/", handler)
	s.web = &http.Server{Handler: mux}
	s.watch(s.io.Sockets())
	var failure error
	s.run(r.Setup, func(_ any, err error) { failure = err })
	if failure != nil {
		return nil, failure
	}
	s.prepared = slices.Clone(s.spaces)
	for _, nsp := range s.prepared { // behind the listeners of the setup
		_ = nsp.On("connection", func(values ...any) { s.settle(values[0].(*socket.Socket)) })
	}
	go s.web.Serve(l)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s, m.Start(ctx)
}

func (w *world) urls() []string {
	var all []string
	for _, s := range w.servers {
		all = append(all, s.url)
	}
	return all
}

// ready waits until the servers know of each other, in every namespace.
func (w *world) ready() error {
	deadline := time.Now().Add(patience)
	for _, s := range w.servers {
		s.mu.Lock()
		spaces := slices.Clone(s.spaces)
		s.mu.Unlock()
		for _, nsp := range spaces {
			for nsp.Adapter().ServerCount() != int64(len(w.servers)) {
				if time.Now().After(deadline) {
					return fmt.Errorf("%d servers know of each other in %s", nsp.Adapter().ServerCount(), nsp.Name())
				}
				time.Sleep(time.Millisecond)
			}
		}
	}
	return nil
}

func (w *world) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all sync.WaitGroup
	failures := make([]error, len(w.servers))
	for i, s := range w.servers {
		all.Go(func() {
			s.io.Close(nil)
			failures[i] = errors.Join(s.mesh.Shutdown(ctx), s.web.Close())
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// watch writes down what happens to the sockets of a namespace.
func (s *server) watch(nsp socket.Namespace) {
	s.mu.Lock()
	known := s.watched[nsp]
	s.watched[nsp] = true
	if _, parent := nsp.(socket.ParentNamespace); !known && !parent {
		s.spaces = append(s.spaces, nsp)
	}
	s.mu.Unlock()
	if known {
		return
	}
	_ = nsp.On("connection", func(values ...any) {
		c := values[0].(*socket.Socket)
		s.mu.Lock()
		s.sockets[nameOf(c)+" "+c.Nsp().Name()] = c
		s.settling[c] = make(chan struct{})
		s.mu.Unlock()
		s.write(c, "connection")
		_ = c.On("disconnecting", func(values ...any) { s.write(c, "disconnecting", values[0], c.Rooms()) })
		_ = c.On("disconnect", func(values ...any) { s.write(c, "disconnect", values[0], c.Rooms()) })
		_ = c.On("~ping", func(values ...any) { values[len(values)-1].(socket.Ack)(nil, nil) })
		// What arrives is a part of its own: Node may see several events before it
		// handles one.
		if !s.quiet {
			c.OnAny(func(values ...any) {
				if !hidden(values) {
					values, _ = splitAck(values)
					s.note(actorOf(c)+", arrivals", encode(append([]any{"event"}, values...)))
				}
			})
		}
	})
}

// settle notes that the listeners of a socket's connection have returned.
func (s *server) settle(c *socket.Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if settled := s.settling[c]; settled != nil {
		close(settled)
		delete(s.settling, c)
	}
}

// settled waits for that, as in Node nothing happens between two listeners. Those of
// namespaces that the setup has not made are not known.
func (s *server) settled(c *socket.Socket) {
	s.mu.Lock()
	settling := s.settling[c]
	if !slices.Contains(s.prepared, c.Nsp()) {
		settling = nil
	}
	s.mu.Unlock()
	if settling == nil {
		return
	}
	select {
	case <-settling:
	case <-time.After(5 * time.Second): // a listener that waits for what comes later
	}
}

// write adds to the transcript of a socket, or of the server.
func (s *server) write(target any, entry ...any) {
	actor := "server"
	if c, ok := target.(*socket.Socket); ok {
		actor = actorOf(c)
	}
	s.note(actor, encode(entry))
}

func actorOf(c *socket.Socket) string {
	actor := "server of " + nameOf(c)
	if name := c.Nsp().Name(); name != "/" {
		actor += " in " + name
	}
	return actor
}

// nameOf is the name under which the scenario knows a client.
func nameOf(c *socket.Socket) string {
	return asOf(c.Handshake())
}

func asOf(h *socket.Handshake) string {
	switch name := h.Query["as"].(type) {
	case string:
		return name
	case []string:
		return name[0]
	case []any:
		return name[0].(string)
	}
	return "?"
}

// hidden tells whether an event is one of the suite itself.
func hidden(values []any) bool {
	if len(values) == 0 {
		return false
	}
	name, ok := values[0].(string)
	return ok && len(name) > 0 && name[0] == '~'
}

// splitAck takes the acknowledgement off the arguments of an event.
func splitAck(values []any) ([]any, socket.Ack) {
	if n := len(values); n > 0 {
		if ack, ok := values[n-1].(socket.Ack); ok {
			return values[:n-1], ack
		}
	}
	return values, nil
}
