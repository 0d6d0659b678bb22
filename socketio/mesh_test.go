package socketio

import (
	"context"
	"fmt"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	meshcluster "github.com/socketmesh/mesh/internal/cluster"
	meshnode "github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// onEachMesh runs a test with a few servers on the fabric, and on real nodes with each
// routing.
func onEachMesh(t *testing.T, servers int, test func(t *testing.T, s []*server)) {
	onEachMeshToAll(t, servers, test)
	t.Run("nodes by interest", func(t *testing.T) { test(t, nodes(t, servers, byInterest)) })
}

// onEachMeshToAll is onEachMesh without routing by interest, which does not find a socket
// by its id that was made to leave all rooms, the one of its id among them.
func onEachMeshToAll(t *testing.T, servers int, test func(t *testing.T, s []*server)) {
	t.Run("fabric", func(t *testing.T) { test(t, cluster(t, newFabric(), servers)) })
	t.Run("nodes", func(t *testing.T) { test(t, nodes(t, servers)) })
}

// cluster starts servers on a fabric.
func cluster(t *testing.T, f *fabric, n int) []*server {
	t.Helper()
	return clusterWith(t, f, n)
}

func clusterWith(t *testing.T, f *fabric, n int, opts ...Option) []*server {
	t.Helper()
	servers := make([]*server, n)
	for i := range servers {
		servers[i] = serve(t, f.node(fmt.Sprint("node", i+1)), opts...)
	}
	return servers
}

// nodes starts servers on nodes of their own, over transports in memory.
func nodes(t testing.TB, n int, change ...func(*core.Config)) []*server {
	t.Helper()
	network, roster := mem.NewNetwork(), coretest.NewRoster()
	servers := make([]*server, n)
	for i := range servers {
		id := fmt.Sprint("node", i+1)
		cfg := core.Config{
			ID: id, Listen: id,
			Transport: network.Transport(id),
			Codecs:    []core.Codec{json.New()},
			Discovery: roster.Discovery(),
		}
		for _, c := range change {
			c(&cfg)
		}
		node, err := meshnode.New(cfg, meshcluster.New)
		if err != nil {
			t.Fatal(err)
		}
		if err := node.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := node.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		servers[i] = serve(t, node)
	}
	for _, s := range servers {
		complete(t, s.Sockets(), n)
	}
	return servers
}

func byInterest(cfg *core.Config) { cfg.Routing = core.RoutingInterest }

// complete waits until a namespace is open on n servers.
func complete(t testing.TB, nsp socket.Namespace, n int) {
	t.Helper()
	await.Condition(t, fmt.Sprint(n, " servers"), func() bool { return Of(nsp).ServerCount() == n })
}
