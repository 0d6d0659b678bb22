// Fx is the basic example as an fx application: what starts, starts with it, and
// stops with it in the right order. Run the discovery service and two of these,
// and connect a client to each:
//
//	go run ./cmd/mesh discovery
//	MESH_LISTEN=:4000 go run -C examples ./fx -http :3000
//	MESH_LISTEN=:4001 go run -C examples ./fx -http :3001
package main

import (
	"flag"
	"log/slog"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
)

// app is everything but the address on which clients are served.
var app = fx.Options(
	mesh.Module,
	fx.Provide(mesh.ConfigFromEnv, slog.Default, newServer),
	fx.Invoke(serve, greet),
)

func main() {
	http := flag.String("http", ":3000", "where clients connect")
	flag.Parse()
	fx.New(app, fx.Supply(address(*http))).Run()
}
