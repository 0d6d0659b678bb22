package mesh_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/mem"
)

// newAudit takes the adapter first, and whatever else the application has.
func newAudit(inner core.Adapter, log *slog.Logger) audit { return audit{inner, log} }

// The constructor of a wrapper takes the adapter, and then what it wants of the
// application. This one is for two kinds of namespaces.
func ExampleProvideAdapterWrapper() {
	app := fx.New(
		mesh.Module,
		mesh.ProvideAdapterWrapper(newAudit, "/chat", "/tenant-*"),
		fx.Supply(mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic}),
		fx.Provide(newLog),
		fx.Invoke(func(adapter socket.AdapterConstructor) {
			io := serverWith(adapter)
			io.Emit("not", "audited")
			_ = io.Of("/chat", nil).Emit("hello")
			_ = io.Of("/tenant-42", nil).To("staff").Emit("welcome")
			io.Close(nil)
		}),
		fx.NopLogger,
	)
	fmt.Println(app.Err())
	// Output:
	// level=INFO msg=asked namespace=/chat rooms=[] event="[\"hello\"]"
	// level=INFO msg=asked namespace=/tenant-42 rooms=[staff] event="[\"welcome\"]"
	// <nil>
}

// Two meshes in one process: what is asked for by name belongs to that mesh.
func ExampleNamedModule() {
	type servers struct {
		fx.In
		Chat socket.AdapterConstructor `name:"chat"`
		Game socket.AdapterConstructor `name:"game"`
	}
	app := fx.New(
		mesh.NamedModule("chat", mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic}),
		mesh.NamedModule("game", mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic, AuthToken: "of the game"},
			mesh.WrapAdapter(func(inner core.Adapter) core.Adapter { return local{inner} }, "/status")),
		fx.Invoke(func(in servers, stopping fx.Lifecycle) {
			chat, game := serverWith(in.Chat), serverWith(in.Game)
			stopping.Append(fx.StopHook(func() { chat.Close(nil); game.Close(nil) }))
			chat.Emit("hello", "all chat servers")
			game.Emit("hello", "all game servers")
		}),
		fx.NopLogger,
	)
	ctx := context.Background()
	fmt.Println("started:", app.Start(ctx))
	fmt.Println("stopped:", app.Stop(ctx))
	// Output:
	// started: <nil>
	// stopped: <nil>
}

// A test of an application keeps its mesh in memory: a part that is used as such
// wins over whatever the configuration names.
func ExampleUseTransport() {
	production := fx.Options(mesh.Module, fx.Supply(mesh.Config{Transport: "ws", Discovery: mesh.DiscoveryStatic}))
	var node *mesh.Mesh
	app := fx.New(production, mesh.UseTransport(mem.NewNetwork().Transport("here")), fx.Populate(&node), fx.NopLogger)
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		panic(err)
	}
	fmt.Println(node.Addr())
	fmt.Println(app.Stop(ctx))
	// Output:
	// mem://here
	// <nil>
}
