package mesh

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

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
