package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
)

// server is a Socket.IO server in a mesh.
type server struct {
	mesh    *mesh.Mesh
	io      *socket.Server
	parents map[string]socket.Namespace // by pattern
	stop    context.CancelFunc          // ends the process, gracefully
	ticks   sync.WaitGroup
	quiet   chan struct{} // closed to end the ticks

	mu       sync.Mutex
	recorded map[record][][]any
}

// record is where an event was seen.
type record struct{ nsp, event string }

func runServer(stop context.Context, o options, c *control, logger *slog.Logger) error {
	stop, cancel := context.WithCancel(stop)
	defer cancel()
	m, err := mesh.New(mesh.Config{
		Listen:            net.JoinHostPort(host, strconv.Itoa(o.MeshPort)),
		DiscoveryAddress:  o.Discovery,
		Peers:             o.Peers,
		AuthToken:         o.Token,
		Codec:             o.Codec,
		Routing:           o.Routing,
		MaxFrame:          o.MaxFrame,
		QueueBytes:        o.QueueBytes,
		HeartbeatInterval: milliseconds(o.HeartbeatInterval),
		HeartbeatTimeout:  milliseconds(o.HeartbeatTimeout),
		RequestTimeout:    milliseconds(o.RequestTimeout),
	}, mesh.WithLogger(logger))
	if err != nil {
		return err
	}
	config := socket.DefaultServerOptions()
	config.SetMaxHttpBufferSize(16 << 20)
	if err := m.Configure(config); err != nil {
		return err
	}
	s := &server{
		mesh:     m,
		io:       socket.NewServer(nil, config),
		parents:  map[string]socket.Namespace{},
		stop:     cancel,
		quiet:    make(chan struct{}),
		recorded: map[record][][]any{},
	}
	s.listen(s.io.Sockets())
	s.io.On("new_namespace", func(args ...any) { s.listen(args[0].(socket.Namespace)) })
	for _, pattern := range o.Parents {
		s.parents[pattern] = s.io.Of(regexp.MustCompile(pattern), welcome)
	}

	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(o.HTTPPort)))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", s.io.ServeHandler(nil))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if m.Draining() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	web := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()

	starting, started := context.WithTimeout(stop, startTime)
	defer started()
	if err := m.Start(starting); err != nil {
		return err
	}
	c.say(map[string]any{
		"ready": true,
		"id":    m.ID(),
		"url":   "http://" + listener.Addr().String(),
		"mesh":  m.Advertised(),
	})
	c.serve(stop, s.operations())

	if o.DrainRate > 0 {
		ctx, done := context.WithTimeout(context.Background(), drainTime)
		err = m.Drain(ctx, o.DrainRate)
		done()
	}
	ctx, done := context.WithTimeout(context.Background(), shutdownTime)
	defer done()
	close(s.quiet)
	s.ticks.Wait()
	s.io.Close(nil)
	err = errors.Join(err, m.Shutdown(ctx), web.Close())
	<-served
	return err
}

// welcome greets clients of dynamic namespaces.
func welcome(args ...any) {
	client := args[0].(*socket.Socket)
	client.Emit("welcome", client.Nsp().Name())
}
