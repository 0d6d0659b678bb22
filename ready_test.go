package mesh_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/transport/mem"
)

// silentService is a discovery service that does not answer.
type silentService struct{}

func (silentService) Name() string { return "silent" }

func (silentService) Run(ctx context.Context, _ core.Peer, _ func([]core.Peer)) error {
	<-ctx.Done()
	return nil
}

// TestReady: which checks fail while a server starts, links and stops.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, roster := mem.NewNetwork(), coretest.NewRoster()
		make := func(host string, links int, discovery core.Discovery) *mesh.Mesh {
			m, err := mesh.New(mesh.Config{Listen: host, Advertise: "mem://" + host, OpsReadyLinks: links},
				mesh.WithTransport(network.Transport(host)), mesh.WithDiscovery(discovery))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { m.Shutdown(context.Background()) })
			return m
		}
		start := func(m *mesh.Mesh) *mesh.Mesh {
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			return m
		}
		expect := func(when string, m *mesh.Mesh, want ...string) {
			t.Helper()
			var failed []string
			if bad, ok := errors.AsType[*core.NotReadyError](m.Ready()); ok {
				for _, check := range bad.Failed {
					failed = append(failed, check.Name)
				}
			}
			if !slices.Equal(failed, want) {
				t.Errorf("%s: %v fail, want %v", when, failed, want)
			}
		}
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}

		alone := make("alone", ops.NoReadyLinks, silentService{})
		expect("before Start", alone, "listening", "discovery")
		start(alone)
		pass(time.Second)
		expect("without discovery", alone, "discovery")

		network.Partition("half", "third")
		network.Partition("all", "third")
		half, all := start(make("half", 50, roster.Discovery())), start(make("all", 100, roster.Discovery()))
		start(make("third", 0, roster.Discovery()))
		pass(time.Second)
		expect("one of two is linked, which is half", half)
		expect("one of two is linked, which is not all", all, "peers")
		network.Heal("half", "third")
		network.Heal("all", "third")
		pass(time.Minute)
		expect("all are linked", all)
		if status := all.Roster(); status.Others != 2 || len(status.Unlinked) != 0 {
			t.Errorf("the roster: %+v", status)
		}
		all.Shutdown(t.Context())
		expect("after Shutdown", all, "listening", "peers")
	})
}
