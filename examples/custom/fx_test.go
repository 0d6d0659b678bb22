package main

import (
	"log/slog"
	"testing"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/examples/custom/audit"
	"github.com/socketmesh/mesh/examples/custom/cbor"
	"github.com/socketmesh/mesh/examples/custom/file"
	"github.com/socketmesh/mesh/examples/custom/unix"
)

// chat is the mesh of this example, as a part of an fx application.
var chat = fx.Options(
	mesh.Module,
	fx.Supply(mesh.Config{Listen: "unix:///run/chat/a.sock", Transport: "unix", Codec: "cbor", Discovery: "file"}),
	mesh.ProvideTransport(func() unix.Transport { return unix.Transport{} }),
	mesh.ProvideCodec(cbor.New),
	mesh.ProvideDiscovery(func() file.Discovery { return file.Discovery{Path: "/etc/chat/servers"} }),
	mesh.ProvideAdapterWrapper(audit.To(slog.Default())),
)

// TestFx: the parts are found by the names in the configuration.
func TestFx(t *testing.T) {
	var m *mesh.Mesh
	if err := fx.New(fx.NopLogger, chat, fx.Populate(&m)).Err(); err != nil {
		t.Fatal(err)
	}
}
