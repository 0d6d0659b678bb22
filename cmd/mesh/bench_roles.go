package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/bench/baseline"
	"github.com/socketmesh/mesh/bench/link"
	benchserver "github.com/socketmesh/mesh/bench/server"
	"github.com/socketmesh/mesh/bench/worker"
)

// benchWorkerCommand runs the clients of one process. `mesh bench` starts it, and calls it
// over its standard input and output.
func benchWorkerCommand(*flags) action {
	return func(_ context.Context, out, _ io.Writer) error {
		return worker.Serve(pipes{os.Stdin, out})
	}
}

// pipes are a process's standard input and output.
type pipes struct {
	io.ReadCloser
	out io.Writer
}

func (p pipes) Write(b []byte) (int, error) { return p.out.Write(b) }

// benchServerCommand runs one server. `mesh bench` starts it; it can also be started by
// hand, to be measured from another machine.
func benchServerCommand(f *flags) action {
	kind := f.text("kind", "mesh", "what it is: mesh, alone (the host library by itself) or baseline (bare WebSockets)", "MESH_BENCH_KIND")
	listen := f.text("listen", "127.0.0.1:0", "where clients are accepted", "MESH_BENCH_LISTEN")
	meshListen := f.text("mesh-listen", "127.0.0.1:0", "where other servers are accepted", "MESH_LISTEN")
	discovery := f.text("discovery", "ws://localhost:8000", "URL of the discovery service", "MESH_DISCOVERY_ADDRESS")
	transport := f.text("transport", "", "transport of the mesh", "MESH_TRANSPORT")
	codec := f.text("codec", "", "codec of the mesh", "MESH_CODEC")
	routing := f.text("routing", "", "which servers an event for rooms goes to: all or interest", "MESH_ROUTING")
	maxConnecting := f.number("max-connecting", 0, "clients that may be connecting at once, ClientOptions.MaxConnecting; 0: the default; below 0: all are let in as they come", "MESH_BENCH_MAX_CONNECTING")
	pingInterval := f.duration("ping-interval", 0, "between the pings to a client; 0: the library's, 25 s", "MESH_BENCH_PING_INTERVAL")
	pingTimeout := f.duration("ping-timeout", 0, "how long a client may take to answer one; 0: the library's, 20 s", "MESH_BENCH_PING_TIMEOUT")
	token := f.text("auth-token", "", "secret that all servers share", "MESH_AUTH_TOKEN")
	logger := logFlag(f, "warn")
	return profiled(f, func(ctx context.Context, out, errOut io.Writer) error {
		log, err := logger(errOut)
		if err != nil {
			return err
		}
		ctx, stop := whileInput(ctx)
		defer stop()
		switch *kind {
		case "baseline":
			return serveFloor(ctx, *listen, out)
		case "mesh", "alone":
			options := benchserver.Options{Listen: *listen, Logger: log, MaxConnecting: *maxConnecting, PingInterval: *pingInterval, PingTimeout: *pingTimeout}
			if *kind == "mesh" {
				options.Mesh = &mesh.Config{Listen: *meshListen, DiscoveryAddress: *discovery, Transport: *transport, Codec: *codec, AuthToken: *token, Routing: *routing}
			}
			return serveBench(ctx, options, out)
		}
		return usageError("--kind", *kind, "mesh, alone or baseline")
	})
}

// benchLinkCommand runs the receiving end of a link.
func benchLinkCommand(f *flags) action {
	kind := f.text("kind", "ws", "what it is: "+strings.Join(link.Kinds, ", "), "MESH_BENCH_KIND")
	return profiled(f, func(ctx context.Context, out, _ io.Writer) error {
		ctx, stop := whileInput(ctx)
		defer stop()
		return link.Serve(ctx, *kind, out)
	})
}

// whileInput returns a context that ends with the standard input: then the process that has
// started this one is gone.
func whileInput(ctx context.Context) (context.Context, func()) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return ctx, stop
}

func serveBench(ctx context.Context, options benchserver.Options, out io.Writer) error {
	s, err := benchserver.Start(ctx, options)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "listening %s\n", s.URL())
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	return s.Shutdown(stopping)
}

func serveFloor(ctx context.Context, listen string, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	handler := &baseline.Server{}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	fmt.Fprintf(out, "listening http://%s\n", listener.Addr())
	<-ctx.Done()
	web.Close()
	handler.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
