package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/ops/metrics"
)

// serverOptions configure a server.
type serverOptions struct {
	host string // the host on which the web server listens
	port int    // 0 picks a free one
	mesh mesh.Config
	with []mesh.Option // parts that mesh.Config cannot name
	log  *slog.Logger
	demo *demoControls // nil outside of a demo
}

// server is one Socket.IO server of a mesh, with a web page.
type server struct {
	name     string // host:port, for display
	url      string // of the server's page
	mesh     *mesh.Mesh
	io       *socket.Server
	board    *board
	listener net.Listener
	http     *http.Server
	work     sync.WaitGroup
	stop     context.CancelFunc
}

// startServer starts a server, completely or not at all. ctx limits the call.
func startServer(ctx context.Context, o serverOptions) (*server, error) {
	listener, err := listenHTTP(ctx, o.host, o.port)
	if err != nil {
		return nil, err
	}
	name := advertise.Local(listener.Addr().String())
	watch := newPeerWatch()
	m, err := mesh.New(o.mesh, append(o.with, mesh.WithLogger(o.log.With("server", name)), mesh.WithObserver(watch), mesh.WithMetrics(metrics.Handler))...)
	if err != nil {
		listener.Close()
		return nil, err
	}
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		listener.Close()
		return nil, err
	}
	s := &server{
		name:     name,
		url:      "http://" + name,
		mesh:     m,
		io:       socket.NewServer(nil, options),
		listener: listener,
	}
	s.board = newBoard(s, watch, o.demo.view())
	s.answerEvents()

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", s.allowPages(s.io.ServeHandler(nil)))
	mux.HandleFunc("GET /{$}", servePage)
	if o.demo != nil {
		mux.Handle("POST "+stopPath, o.demo.stopHandler())
	}
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(o.log.Handler(), slog.LevelWarn),
	}
	if err := m.Start(ctx); err != nil {
		listener.Close()
		s.io.Close(nil)
		return nil, explainTaken(err)
	}
	if s.board.demo != nil && !o.demo.locked {
		s.board.demo.Admin = opsURL(m.OpsAddr(), false) + adminPath
	}
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.work.Go(func() { s.http.Serve(listener) })
	s.work.Go(func() { s.board.run(running) })
	return s, nil
}

// drain sends clients to other servers, for at most limit.
func (s *server) drain(limit time.Duration, errOut io.Writer) {
	if limit <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.mesh.Drain(ctx, 0); err != nil {
		fmt.Fprintf(errOut, "mesh: %s: %v\n", s.name, err)
	}
}

// shutdown disconnects the clients, leaves the mesh and stops the web server.
func (s *server) shutdown(ctx context.Context) error {
	s.stop()
	s.listener.Close() // no new clients during the drain
	s.io.Close(nil)
	err := s.mesh.Shutdown(ctx)
	if closed := s.http.Shutdown(ctx); !errors.Is(closed, net.ErrClosed) { // the listener is closed already
		err = errors.Join(err, closed)
	}
	s.http.Close()
	s.work.Wait()
	return err
}

// listenHTTP listens on the port of the web server.
func listenHTTP(ctx context.Context, host string, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	return listener, explainTaken(err)
}

// explainTaken says in plain words that a port is taken.
func explainTaken(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if ok && op.Addr != nil && isTaken(err) {
		return fmt.Errorf("%s is taken by another program: choose another port, or stop that one (%w)", op.Addr, err)
	}
	return err
}

// isTaken reports whether err says that an address is in use. Windows has its own error
// number for that.
func isTaken(err error) bool {
	const windowsInUse = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsInUse)
}

// shutdownAll stops servers concurrently, each within shutdownTime.
func shutdownAll(servers []*server, errOut io.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	var work sync.WaitGroup
	for _, s := range servers {
		work.Go(func() {
			if err := s.shutdown(ctx); err != nil {
				fmt.Fprintf(errOut, "mesh: %s: %v\n", s.name, err)
			}
		})
	}
	work.Wait()
}
