// Basic is a Socket.IO server in a mesh, whole. Run the discovery service and two of
// these, and connect a client to each:
//
//	go run ./cmd/mesh discovery
//	MESH_LISTEN=127.0.0.1:4000 go run -C examples ./basic -http :3000
//	MESH_LISTEN=127.0.0.1:4001 go run -C examples ./basic -http :3001
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
)

func main() {
	addr := flag.String("http", ":3000", "where clients connect")
	flag.Parse()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))

	config, err := mesh.ConfigFromEnv() // MESH_LISTEN, MESH_ADVERTISE, MESH_DISCOVERY_ADDRESS, …
	if err != nil {
		log.Fatal(err)
	}
	m, err := mesh.New(config, mesh.WithLogger(logger))
	if err != nil {
		log.Fatal(err)
	}
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		log.Fatal(err)
	}
	io := socket.NewServer(nil, options)
	io.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.Join("room")
		client.On("chat", func(args ...any) {
			io.To("room").Emit("chat", args...) // to the clients of all servers
		})
	})

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		// Right after the start nobody is linked yet, so wait for another server.
		if err := m.WaitForPeers(ctx, 1); err == nil {
			io.Emit("news", "one more server")
		}
	}()

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io.ServeHandler(nil))
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if err := m.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	web := &http.Server{Addr: *addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	// Run serves until SIGINT or SIGTERM, and then stops all of it in the right order.
	if err := m.Run(ctx, io, web); err != nil {
		log.Fatal(err)
	}
}
