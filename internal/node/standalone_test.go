package node_test

import (
	"context"
	"errors"
	"testing"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// TestStandalone: a node that has been shut down opens no namespace, and still makes
// adapters that act on its own server.
func TestStandalone(t *testing.T) {
	n, err := node.New(core.Config{
		ID: "a", Listen: "a", Transport: mem.NewNetwork().Transport("a"),
		Codecs: []core.Codec{json.New()}, Discovery: coretest.NewRoster().Discovery(),
	}, cluster.New)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	host := coretest.NewHost()
	if _, err := n.Adapter("/", host); !errors.Is(err, core.ErrClosed) {
		t.Fatalf("Adapter after Shutdown: %v", err)
	}
	client := host.Connect("s", "r")
	a := n.Standalone("/", host)
	defer a.Close()
	a.Broadcast(coretest.Event("e"), core.Target{Rooms: []string{"r"}})
	if got := client.Received(); len(got) != 1 {
		t.Errorf("received %q", got)
	}
	if got := a.Servers(); a.ServerCount() != 1 || len(got) != 1 || got[0] != "a" {
		t.Errorf("servers %q", got)
	}
	a.AddAll("elsewhere", []string{"r"})
	if all, err := a.FetchSockets(context.Background(), core.Target{}).Wait(); err != nil || len(all) != 1 {
		t.Errorf("fetched %v, %v", all, err)
	}
	if answers, err := a.ServerSideEmitWithAck(context.Background(), coretest.Event("e")).Wait(); err != nil || len(answers) != 0 {
		t.Errorf("answers %v, %v", answers, err)
	}
}
