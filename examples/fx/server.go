package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
)

// greet tells the clients of the other servers that there is one more. Right after the
// start nobody is linked yet, so it waits for another server, for as long as the
// application runs.
func greet(m *mesh.Mesh, io *socket.Server, lifecycle fx.Lifecycle) {
	ctx, stop := context.WithCancel(context.Background())
	var greeting sync.WaitGroup
	lifecycle.Append(fx.StartStopHook(func() {
		greeting.Go(func() {
			if m.WaitForPeers(ctx, 1) == nil {
				io.Emit("news", "one more server")
			}
		})
	}, func() {
		stop()
		greeting.Wait()
	}))
}

// address is where clients connect.
type address string

// newServer makes the Socket.IO server. The mesh makes it one of many.
func newServer(m *mesh.Mesh) (*socket.Server, error) {
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		return nil, err
	}
	io := socket.NewServer(nil, options)
	io.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("chat", func(args ...any) {
			io.Emit("chat", args...) // to the clients of all servers
		})
	})
	return io, nil
}

// serve lets clients in while the application runs. Its hook comes after the
// mesh's: clients are let in when the mesh has started, and are gone before it
// stops, which then sends what they have said last.
func serve(io *socket.Server, addr address, log *slog.Logger, lifecycle fx.Lifecycle, app fx.Shutdowner) {
	web := &http.Server{Handler: io.ServeHandler(nil)}
	var serving sync.WaitGroup
	lifecycle.Append(fx.StartStopHook(func(ctx context.Context) error {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", string(addr))
		if err != nil {
			return err
		}
		log.Info("serving clients", "address", listener.Addr().String())
		serving.Go(func() {
			if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				log.Error("clients cannot connect any more", "error", err)
				app.Shutdown(fx.ExitCode(1))
			}
		})
		return nil
	}, func(ctx context.Context) error {
		defer serving.Wait()
		io.Close(nil)
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if web.Shutdown(ctx) != nil {
			return web.Close() // requests that still poll
		}
		return nil
	}))
}
