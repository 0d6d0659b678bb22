package ops

import (
	"context"

	"github.com/socketmesh/mesh/core"
)

// Source is what a [Handler] needs of a running node. *mesh.Mesh is one. All methods
// may be called at once.
type Source interface {
	// ID is the node's id.
	ID() string
	// State and Stats are snapshots.
	State() core.NodeState
	Stats() core.Stats
	// Roster compares what discovery says with the links that there are.
	Roster() core.RosterStatus
	// Namespaces are those that are open here, in no order.
	Namespaces() []core.OpenNamespace
	// Ask puts a question to the [Handler] of another node, whose Answer answers it.
	// It waits for that, or for ctx.
	Ask(ctx context.Context, node string, question []byte) ([]byte, error)
}

// Drainer is a [Source] that can send its clients elsewhere.
type Drainer interface {
	// Drain disconnects the clients, so many per second (0: a default), so that they
	// come back at other nodes, and lets no more in. It returns when they have gone.
	Drain(ctx context.Context, rate int) error
	// Draining tells that it has begun to.
	Draining() bool
}
