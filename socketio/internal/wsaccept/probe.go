package wsaccept

import (
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// probe is the first packet of a transport that a client wants to upgrade to. When it has
// answered, the engine checks the client's polls at intervals until the upgrade is over. If
// the upgrade is over already, nothing ends these checks, and they keep the client in
// memory for ever.
type probe struct {
	client    engine.Socket
	transport *wstransport.Transport
	over      []types.EventListener // the engine's listeners that end the checks
}

// answered is called after the engine's own listener.
func (p *probe) answered(...any) {
	if p.client.ReadyState() != "closed" && p.transport.ReadyState() == "open" {
		return // the engine will learn when the upgrade is over
	}
	for _, tell := range p.over {
		tell()
	}
}
