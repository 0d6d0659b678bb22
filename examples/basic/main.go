// Basic is the smallest Socket.IO server in a mesh. Run the discovery service
// and two of these, and connect a client to each:
//
//	go run ./cmd/mesh discovery
//	MESH_LISTEN=:4000 go run ./examples/basic -http :3000
//	MESH_LISTEN=:4001 go run ./examples/basic -http :3001
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
)

func main() {
	addr := flag.String("http", ":3000", "where clients connect")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(ctx, listener); err != nil {
		log.Fatal(err)
	}
}

// serve runs a server until ctx ends.
func serve(ctx context.Context, listener net.Listener) error {
	config, err := mesh.ConfigFromEnv()
	if err != nil {
		return err
	}
	m, err := mesh.New(config)
	if err != nil {
		return err
	}
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		return err
	}
	io := socket.NewServer(nil, options)
	io.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("chat", func(args ...any) {
			io.Emit("chat", args...) // to the clients of all servers
		})
	})

	if err := m.Start(ctx); err != nil {
		return err
	}
	web := &http.Server{Handler: io.ServeHandler(nil)}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}

	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	io.Close(nil)
	return errors.Join(err, web.Shutdown(stopping), m.Shutdown(stopping))
}
