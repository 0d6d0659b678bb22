package kubernetes_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/discovery/kubernetes"
	"github.com/socketmesh/mesh/internal/loopback"
)

// TestFiveNodes: five servers become endpoints one after the other, and are a whole mesh.
// One that is not an endpoint any more keeps its links.
func TestFiveNodes(t *testing.T) {
	client := fake.NewClientset()
	port := loopback.FreePort(t, 5)
	o := kubernetes.Options{Namespace: "default", Service: "chat", Port: port, Settle: 5 * time.Millisecond}
	var meshes []*mesh.Mesh
	var first *discoverytest.Watched
	var endpoints []discoveryv1.Endpoint
	for i := range 5 {
		address := net.JoinHostPort(loopback.Host(i), strconv.Itoa(port))
		d := discoverytest.Watch(kubernetes.New(client, o))
		if i == 0 {
			first = d
		}
		m, err := mesh.New(mesh.Config{Listen: address, Advertise: "ws://" + address, RedialMax: time.Second}, mesh.WithDiscovery(d))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Shutdown(context.Background()) })
		meshes = append(meshes, m)
		endpoints = append(endpoints, endpoint(loopback.Host(i)))
		put(t, client, slice("one", endpoints...))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, m := range meshes {
		if err := m.WaitForPeers(ctx, 4); err != nil {
			t.Fatalf("server %d: %v", i, err)
		}
	}
	since := meshes[4].Peers()[0].Since
	put(t, client, slice("one", endpoints[:4]...))
	if err := first.Until(ctx, func() bool { return meshes[0].Roster().Others == 3 }); err != nil {
		t.Fatalf("the roster does not shrink: %v", err)
	}
	if peers := meshes[4].Peers(); len(peers) != 4 || !peers[0].Since.Equal(since) {
		t.Errorf("links have moved: %+v", peers)
	}
}
