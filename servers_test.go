package mesh_test

import (
	"context"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/socketio"
	"github.com/socketmesh/mesh/transport/mem"
)

// pair starts two Socket.IO servers in this process, "a" and "b", that are in one
// mesh. options are those of each server's part in it.
func pair(options func(server string) []mesh.Option) (a, b *socket.Server, stop func()) {
	network, roster := mem.NewNetwork(), coretest.NewRoster()
	var stops []func()
	start := func(name string) *socket.Server {
		m, err := mesh.New(mesh.Config{}, append(options(name),
			mesh.WithTransport(network.Transport(name)), mesh.WithDiscovery(roster.Discovery()))...)
		if err != nil {
			panic(err)
		}
		io := serverWith(m.Adapter())
		if err := m.Start(context.Background()); err != nil {
			panic(err)
		}
		stops = append(stops, func() {
			io.Close(nil)
			if err := m.Shutdown(context.Background()); err != nil {
				panic(err)
			}
		})
		return io
	}
	a, b = start("a"), start("b")
	meet(a.Sockets(), 2)
	return a, b, func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// meet waits until so many servers have the namespace.
func meet(nsp socket.Namespace, servers int) {
	for deadline := time.Now().Add(time.Minute); socketio.Of(nsp).ServerCount() != servers; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			panic("the servers do not meet")
		}
	}
}

// settle waits until every server has done what it was sent through a namespace of
// this one: they answer behind that.
func settle(nsp socket.Namespace) {
	if _, err := socketio.Of(nsp).FetchSockets(context.Background(), core.Target{}).Wait(); err != nil {
		panic(err)
	}
}

func serverWith(adapter socket.AdapterConstructor) *socket.Server {
	options := socket.DefaultServerOptions()
	options.SetAdapter(adapter)
	return socket.NewServer(nil, options)
}
