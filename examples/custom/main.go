// Custom is a Socket.IO server whose mesh is made of parts of its own: a transport
// over Unix sockets, a codec in CBOR, discovery through a file, and an adapter that
// keeps a record. List the servers in a file, run them, and connect a client to
// each:
//
//	cd examples
//	printf 'unix:///tmp/a.sock\nunix:///tmp/b.sock\n' > servers.txt
//	go run ./custom -http :3000 -listen unix:///tmp/a.sock -servers servers.txt
//	go run ./custom -http :3001 -listen unix:///tmp/b.sock -servers servers.txt
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/examples/custom/audit"
	"github.com/socketmesh/mesh/examples/custom/cbor"
	"github.com/socketmesh/mesh/examples/custom/file"
	"github.com/socketmesh/mesh/examples/custom/unix"
)

func main() {
	addr := flag.String("http", ":3000", "where clients connect")
	listen := flag.String("listen", "unix:///tmp/mesh-a.sock", "where servers connect")
	servers := flag.String("servers", "servers.txt", "file with the addresses of all servers")
	flag.Parse()
	ctx, stop := untilStopped()
	defer stop()
	web, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	m, err := newMesh(*listen, *servers, slog.Default())
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(ctx, web, m); err != nil {
		log.Fatal(err)
	}
}

// untilStopped returns a context that ends on Ctrl-C, and on SIGTERM, by which systemd, Docker
// and Kubernetes stop a process.
func untilStopped() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// newMesh puts the parts together.
func newMesh(listen, servers string, logger *slog.Logger) (*mesh.Mesh, error) {
	return mesh.New(mesh.Config{Listen: listen},
		mesh.WithTransport(unix.Transport{}),
		mesh.WithCodec(cbor.New()),
		mesh.WithDiscovery(file.Discovery{Path: servers, Logger: logger}),
		mesh.WrapAdapter(audit.To(logger)),
		mesh.WithLogger(logger),
	)
}

// serve runs a server until ctx ends. What a client says is heard by those of all
// servers.
func serve(ctx context.Context, listener net.Listener, m *mesh.Mesh) error {
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		return err
	}
	io := socket.NewServer(nil, options)
	io.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("chat", func(args ...any) { io.Emit("chat", args...) })
		client.Emit("chat", "welcome")
	})
	if err := m.Start(ctx); err != nil {
		return err
	}
	var greeting sync.WaitGroup
	defer greeting.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	greeting.Go(func() {
		// Right after the start nobody is linked yet, so wait for another server.
		if m.WaitForPeers(ctx, 1) == nil {
			io.Emit("news", "one more server")
		}
	})
	web := &http.Server{Handler: io.ServeHandler(nil)}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	io.Close(nil)
	return errors.Join(err, web.Shutdown(stopping), m.Shutdown(stopping))
}
