package mesh_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
)

// A Socket.IO server joins the mesh.
func Example() {
	ctx := context.Background()
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", Peers: []string{"ws://10.0.0.8:4000"}})
	if err != nil {
		panic(err)
	}
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		panic(err)
	}
	io := socket.NewServer(nil, options)
	http.Handle("/socket.io/", io.ServeHandler(nil))
	if err := m.Start(ctx); err != nil {
		panic(err)
	}
	io.To("room").Emit("hello", "everyone, on whichever server") // reaches the clients of all servers

	io.Close(nil)
	stopping, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	fmt.Println("stopped:", m.Shutdown(stopping))
	// Output: stopped: <nil>
}

// The same in an fx application, which starts and stops the mesh.
func ExampleModule() {
	app := fx.New(
		mesh.Module,
		fx.Supply(mesh.Config{Listen: "127.0.0.1:0", Peers: []string{"ws://10.0.0.8:4000"}}),
		fx.Invoke(func(m *mesh.Mesh, stopping fx.Lifecycle) error {
			options := socket.DefaultServerOptions()
			if err := m.Configure(options); err != nil {
				return err
			}
			io := socket.NewServer(nil, options)
			io.Emit("hello", "everyone, on whichever server")
			stopping.Append(fx.StopHook(func() { io.Close(nil) }))
			return nil
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
