// Fx is the basic example as an fx application.
package main

import (
	"context"
	"net"
	"net/http"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
)

var app = fx.Options(mesh.Module, fx.Provide(mesh.ConfigFromEnv, newServer), fx.Invoke(serve))

func main() { fx.New(app).Run() }

func newServer(adapter socket.AdapterConstructor, lifecycle fx.Lifecycle) *socket.Server {
	options := socket.DefaultServerOptions()
	options.SetAdapter(adapter)
	io := socket.NewServer(nil, options)
	lifecycle.Append(fx.StopHook(func() { io.Close(nil) }))
	return io
}

func serve(io *socket.Server, lifecycle fx.Lifecycle) {
	web := &http.Server{Handler: io.ServeHandler(nil)}
	lifecycle.Append(fx.StartStopHook(func(ctx context.Context) error {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", ":3000")
		if err == nil {
			go web.Serve(listener)
		}
		return err
	}, web.Shutdown))
}
