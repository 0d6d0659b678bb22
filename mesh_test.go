package mesh_test

import (
	"context"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
)

// TestCodecs: each server writes in the codec it prefers, and understands the
// other's.
func TestCodecs(t *testing.T) {
	atA, atB := newPeers(), newPeers()
	a := start(t, mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic, Codec: "json"}, mesh.WithObserver(atA))
	b := start(t, mesh.Config{Listen: "127.0.0.1:0", Peers: []string{a.Advertised()}, Codec: "msgpack"}, mesh.WithObserver(atB))
	atA.waitFor(t, b.ID())
	atB.waitFor(t, a.ID())
	for _, c := range []struct {
		m    *mesh.Mesh
		want string
	}{{a, "json"}, {b, "msgpack"}} {
		if peers := c.m.Peers(); len(peers) != 1 || peers[0].Codec != c.want || peers[0].Reference {
			t.Errorf("peers %+v, want one, written to in %s", peers, c.want)
		}
	}
}

func TestAuthTokenKeepsStrangersOut(t *testing.T) {
	watch := newPeers()
	a := start(t, mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic, AuthToken: "one"}, mesh.WithObserver(watch))
	start(t, mesh.Config{Listen: "127.0.0.1:0", Peers: []string{a.Advertised()}, AuthToken: "another"})
	watch.waitForRefusal(t)
	if peers := a.Peers(); len(peers) != 0 {
		t.Errorf("a's peers: %+v", peers)
	}
}

// start starts a mesh that ends with the test.
func start(t *testing.T, cfg mesh.Config, options ...mesh.Option) *mesh.Mesh {
	t.Helper()
	m, err := mesh.New(cfg, options...)
	if err != nil {
		t.Fatal(err)
	}
	started(t, m)
	return m
}

// started starts m, and shuts it down when the test ends.
func started(t *testing.T, m *mesh.Mesh) {
	t.Helper()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}
