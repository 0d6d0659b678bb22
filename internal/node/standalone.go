package node

import (
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// Standalone makes an adapter for a namespace that is not open in the mesh, because
// [Node.Adapter] has refused it or its overrides are broken: it acts on this server only.
// It works in every state of the node, also after Shutdown.
func (n *Node) Standalone(name string, host core.Host) core.Adapter {
	a, _ := n.newAdapter(localCluster{n.id, name}, host, n.adapterConfig(name))
	return a
}

func (n *Node) adapterConfig(namespace string) core.AdapterConfig {
	return core.AdapterConfig{
		RequestTimeout: n.cfg.RequestTimeout,
		InboxBytes:     n.cfg.InboxBytes,
		Logger:         n.log.With("namespace", namespace),
	}
}

// localCluster is a [core.Cluster] of one server.
type localCluster struct{ id, namespace string }

var _ core.Cluster = localCluster{}

func (c localCluster) ID() string                   { return c.id }
func (c localCluster) Namespace() string            { return c.namespace }
func (localCluster) Members() []string              { return nil }
func (localCluster) Publish(*core.Message) []string { return nil }
func (localCluster) Reference(string) bool          { return false }
func (localCluster) RequestBegun(core.RequestInfo)  {}
func (localCluster) RequestDone(core.RequestInfo)   {}
func (localCluster) Leave()                         {}

func (localCluster) SendTo(id string, m *core.Message) error {
	return fmt.Errorf("%w: %s to %q", core.ErrNoServer, m.Kind, id)
}
