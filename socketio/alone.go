package socketio

import (
	"fmt"
	"log/slog"

	"github.com/socketmesh/mesh/core"
	meshcluster "github.com/socketmesh/mesh/internal/cluster"
)

// alone returns an adapter for a namespace that the mesh would not have.
func alone(namespace string, host core.Host, logger *slog.Logger) core.Adapter {
	a, _ := meshcluster.New(noCluster{namespace}, host, core.AdapterConfig{
		RequestTimeout: core.DefaultRequestTimeout,
		InboxBytes:     core.DefaultInboxBytes,
		Logger:         logger,
	})
	return a
}

// noCluster is a cluster of this server only.
type noCluster struct{ namespace string }

var _ core.Cluster = noCluster{}

func (noCluster) ID() string                     { return "" }
func (c noCluster) Namespace() string            { return c.namespace }
func (noCluster) Members() []string              { return nil }
func (noCluster) Publish(*core.Message) []string { return nil }
func (noCluster) Reference(string) bool          { return false }
func (noCluster) RequestBegun(core.RequestInfo)  {}
func (noCluster) RequestDone(core.RequestInfo)   {}
func (noCluster) Leave()                         {}

func (noCluster) SendTo(id string, m *core.Message) error {
	return fmt.Errorf("%w: %s to %q", core.ErrNoServer, m.Kind, id)
}
