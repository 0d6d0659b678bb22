package mesh_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/service"
)

// TestDiscoveryReplicas: servers register with two services that do not know each other.
// When one is restarted, and comes back empty, no link moves, and a newcomer finds all
// through the other one meanwhile.
func TestDiscoveryReplicas(t *testing.T) {
	replica := func(listen string) *service.Server {
		s := service.NewServer(service.ServerOptions{Listen: listen})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Shutdown(context.Background()) })
		return s
	}
	first, second := replica("127.0.0.1:0"), replica("127.0.0.1:0")
	address := first.Addr()
	config := mesh.Config{Listen: "127.0.0.1:0", DiscoveryAddress: "ws://" + address + ",ws://" + second.Addr()}
	wait := func(m *mesh.Mesh, peers int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := m.WaitForPeers(ctx, peers); err != nil {
			t.Fatal(err)
		}
	}
	a, b := start(t, config), start(t, config)
	wait(a, 1)
	wait(b, 1)
	since := a.Peers()[0].Since

	first.Shutdown(context.Background())
	var log coretest.Log
	c := start(t, config, mesh.WithLogger(log.Logger()))
	wait(c, 2)
	wait(a, 2)
	for _, e := range c.Roster().Endpoints {
		if gone := strings.HasSuffix(e.Name, address); e.Heard == gone || (e.Err != nil) != gone {
			t.Errorf("%s: heard %v, %v", e.Name, e.Heard, e.Err)
		}
	}
	if err := c.Ready(); err != nil {
		t.Errorf("with one of two replicas: %v", err)
	}

	replica(address)
	if !log.Await("INFO", fmt.Sprintf("\"registered with discovery\" discovery=ws://%s", address), 2*time.Minute) {
		t.Fatalf("the replica is back, and not heard: %+v", c.Roster().Endpoints)
	}
	if n := a.Roster().Others; n != 2 {
		t.Errorf("%d other servers in the roster: want 2", n)
	}
	for _, p := range a.Peers() {
		if p.ID == b.ID() && !p.Since.Equal(since) {
			t.Error("the link has moved")
		}
	}
}
