package compat

import (
	"context"
	"log/slog"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
)

// path is a way to set up a server.
type path struct {
	name string
	// exact: nothing goes astray, as it does with the host alone.
	exact bool
	// goodbye is how the server ends a WebSocket, as transcripts of bare clients and
	// of npm's have it.
	goodbye []string
	// prepare adds to the options of a server; it ends with the test.
	// opened: the server has had a client already. Whom it refuses earlier is refused by
	// the host.
	opened  bool
	prepare func(t *trial, options *socket.ServerOptions, logger *slog.Logger)
}

// paths are all of them. The first one is what the others are compared with.
var paths = []path{
	{
		name: "host",
		// It cuts the connection.
		goodbye: []string{"ended: without a close frame", "transport close 1006"},
		prepare: func(*trial, *socket.ServerOptions, *slog.Logger) {},
	},
	meshPath("mesh", true, (*mesh.Mesh).Configure),
	meshPath("mesh, first client, adapter alone", false, func(m *mesh.Mesh, options *socket.ServerOptions) error {
		options.SetAdapter(m.Adapter())
		return nil
	}),
}

// meshPath is a mesh of one server. configure is how its options are set.
func meshPath(name string, opened bool, configure func(*mesh.Mesh, *socket.ServerOptions) error) path {
	return path{
		name:   name,
		exact:  true,
		opened: opened,
		// It says so in a close frame without a code, as Node's servers do.
		goodbye: []string{"ended: websocket: close 1005 (no status)", "transport close 1005"},
		prepare: func(t *trial, options *socket.ServerOptions, logger *slog.Logger) {
			t.Helper()
			if err := configure(startMesh(t, logger), options); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// startMesh starts a mesh that ends with the test.
func startMesh(t *trial, logger *slog.Logger) *mesh.Mesh {
	t.Helper()
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic}, mesh.WithLogger(logger))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Errorf("shutdown of the mesh: %v", err)
		}
	})
	return m
}
