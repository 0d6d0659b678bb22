package ops

import (
	"net/http"

	"github.com/socketmesh/mesh/core"
)

// DiscoverySource is what a [DiscoveryHandler] needs of a discovery service.
// *service.Server is one. All methods are safe for concurrent use.
type DiscoverySource interface {
	// Addr is the address on which the service listens; "" if it does not listen.
	Addr() string
	// Peers are the registered servers, in the order of their registration.
	Peers() []core.Peer
}

// Servers are the servers that are registered with a discovery service.
type Servers struct {
	Servers []Server `json:"servers"`
	Total   int      `json:"total"`
}

// Server is a server that is registered with a discovery service.
type Server struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

// DiscoveryHandler serves operators of a discovery service: health checks, metrics,
// profiles, and /api/v1/servers.
type DiscoveryHandler struct {
	*base
	source DiscoverySource
}

var _ http.Handler = (*DiscoveryHandler)(nil)

// NewDiscoveryHandler returns the handler of a discovery service. o must be valid, see
// [Options.Validate].
func NewDiscoveryHandler(source DiscoverySource, o Options) *DiscoveryHandler {
	h := &DiscoveryHandler{base: newBase(o), source: source}
	h.health(h.checks, "")
	h.query("GET /api/v1/servers", h.serveServers)
	h.index("a discovery service")
	return h
}

func (h *DiscoveryHandler) checks() []Check {
	if h.source.Addr() == "" {
		return []Check{{checkListening, false, "servers are not accepted: the service has not started, or has stopped"}}
	}
	return []Check{{checkListening, true, "servers are accepted"}}
}

func (h *DiscoveryHandler) serveServers(r *http.Request) (any, error) {
	p, err := paramsOf(r, "limit")
	if err != nil {
		return nil, err
	}
	limit := p.number("limit", maxLimit, 1<<16)
	if p.err != nil {
		return nil, p.err
	}
	peers := h.source.Peers()
	answer := &Servers{Servers: []Server{}, Total: len(peers)}
	for _, peer := range peers[:min(limit, len(peers))] {
		answer.Servers = append(answer.Servers, Server{shown(peer.ID), shown(peer.Address)})
	}
	return answer, nil
}
