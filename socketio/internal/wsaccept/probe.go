package wsaccept

import (
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// probe is the first packet of a transport that a client wants to upgrade to. When
// it has answered, the engine looks after the client's polls at intervals until the
// upgrade is over. If it is over by then, nobody ends that, and the intervals keep
// the client for ever.
type probe struct {
	client    engine.Socket
	transport *wstransport.Transport
	over      []types.EventListener // the engine's, which end it
}

// answered is called behind the engine's own listener.
func (p *probe) answered(...any) {
	if p.client.ReadyState() != "closed" && p.transport.ReadyState() == "open" {
		return // the engine will hear of it
	}
	for _, tell := range p.over {
		tell()
	}
}
