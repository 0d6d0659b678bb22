package ops

import (
	"context"

	"github.com/socketmesh/mesh/core"
)

// Source is what a [Handler] needs of a running node. *mesh.Mesh is one. All
// methods are safe for concurrent use.
type Source interface {
	// ID is the node's id.
	ID() string
	// State and Stats are snapshots.
	State() core.NodeState
	Stats() core.Stats
	// Roster compares the servers that discovery lists with the current links.
	Roster() core.RosterStatus
	// Namespaces are the namespaces that are open here, in no particular order.
	Namespaces() []core.OpenNamespace
	// Ask sends a question to the [Handler] of another node, which answers with Answer.
	// It waits for the answer, or for the end of ctx.
	Ask(ctx context.Context, node string, question []byte) ([]byte, error)
}

// Drainer is a [Source] that can send its clients to other nodes.
type Drainer interface {
	// Drain disconnects the clients, rate of them per second (0: a default), so that they
	// reconnect to other nodes, and lets no new ones in. It returns when they have gone.
	Drain(ctx context.Context, rate int) error
	// Draining reports whether a drain has begun.
	Draining() bool
}
