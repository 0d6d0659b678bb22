package mesh_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/transport/mem"
)

// TestDraining: a mesh says that it drains, and lets nobody in, while it works on.
func TestDraining(t *testing.T) {
	m, err := mesh.New(mesh.Config{DrainRate: 1000}, mesh.WithTransport(mem.NewNetwork().Transport("a")), mesh.WithDiscovery(coretest.NewRoster().Discovery()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer m.Shutdown(t.Context())
	server := serverWith(m.Adapter())
	defer server.Close(nil)
	web := httptest.NewServer(server.ServeHandler(nil))
	defer web.Close()
	status := func() int {
		t.Helper()
		answer, err := http.Get(web.URL + "/socket.io/?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if m.Draining() {
		t.Error("it drains before it is told to")
	}
	if err := m.Drain(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if got := status(); !m.Draining() || got != http.StatusServiceUnavailable {
		t.Errorf("draining: %v, a new client is answered with %d", m.Draining(), got)
	}
	if err := m.Drain(t.Context(), -1); err == nil {
		t.Error("a rate of -1 was taken")
	}
	if m.Addr() == "" {
		t.Error("it has left the mesh")
	}
}
