package mesh_test

import (
	"sync/atomic"
	"testing"

	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
)

// counted is put around a built-in codec.
type counted struct {
	core.Codec
	decoded *atomic.Int64
}

func (c counted) Decode(frame []byte, m *core.Message) error {
	c.decoded.Add(1)
	return c.Codec.Decode(frame, m)
}

// TestCodecAroundABuiltinOne: a server that writes JSON reads proto through a codec
// of the application, which is put around the built-in one.
func TestCodecAroundABuiltinOne(t *testing.T) {
	for name, build := range map[string]func(mesh.Config, core.Codec) (*mesh.Mesh, error){
		"WithCodec": func(config mesh.Config, around core.Codec) (*mesh.Mesh, error) {
			return mesh.New(config, mesh.WithCodec(around), mesh.WithCodec(json.New()))
		},
		"ProvideCodec": func(config mesh.Config, around core.Codec) (m *mesh.Mesh, err error) {
			app := fx.New(fx.NopLogger, mesh.Module, fx.Supply(config), fx.Populate(&m),
				mesh.ProvideCodec(func() core.Codec { return around }))
			return m, app.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			writer := start(t, free, mesh.WithCodec(proto.New()))
			theirs := serverWith(writer.Adapter())
			defer theirs.Close(nil)

			var decoded atomic.Int64
			reader, err := build(mesh.Config{Listen: "127.0.0.1:0", Peers: []string{writer.Advertised()}}, counted{proto.New(), &decoded})
			if err != nil {
				t.Fatal(err)
			}
			started(t, reader)
			ours := serverWith(reader.Adapter())
			defer ours.Close(nil)

			meet(theirs.Sockets(), 2)
			theirs.Emit("hello")
			settle(theirs.Sockets())
			if decoded.Load() == 0 {
				t.Error("the built-in codec was used")
			}
			if codec := writer.Peers()[0].Codec; codec != "proto" {
				t.Errorf("the writer wrote %s", codec)
			}
			if codec := reader.Peers()[0].Codec; codec != "json" {
				t.Errorf("the reader wrote %s", codec)
			}
		})
	}
}
