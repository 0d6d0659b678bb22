package cluster

import (
	"context"

	"github.com/socketmesh/mesh/core"
)

// AckCollector is what adapters of [New] are as well. The host uses it where nothing
// is wrapped around the adapter. It is for a caller whose
// ack never blocks.
type AckCollector interface {
	// CollectAcks is BroadcastWithAck with an ack that is called by those who
	// receive the answers, one at a time, under a lock of the request. Calls end
	// in the order in which their last answers come.
	CollectAcks(ctx context.Context, event core.Payload, to core.Target, ack func(core.Payload)) *core.Call[int]
}

// OthersFetcher is what adapters of [New] are as well, like [AckCollector]. It is for a caller that
// has its own server's sockets at hand and need not have them described.
type OthersFetcher interface {
	// FetchOthers is FetchSockets without the sockets of this server: one list for
	// each of the others that has answered.
	FetchOthers(ctx context.Context, to core.Target) *core.Call[[][]core.Socket]
}
