package service

import (
	"net"
	"net/http"
	"sync"

	"github.com/socketmesh/mesh/internal/pendingset"
)

// pendingConns are the TCP connections that are not WebSockets yet. When there are
// too many the oldest is closed, so that silent ones keep nobody out.
type pendingConns struct {
	set  *pendingset.Set[net.Conn]
	open sync.WaitGroup // one for each, until net/http is done with it
}

func newPendingConns(limit int) *pendingConns {
	return &pendingConns{set: pendingset.New[net.Conn](limit)}
}

// track follows the state of a connection: it is an [http.Server]'s ConnState.
func (p *pendingConns) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		p.open.Add(1)
		if oldest, evicted := p.set.Add(conn); evicted {
			oldest.Close()
		}
	case http.StateHijacked, http.StateClosed:
		p.set.Remove(conn)
		p.open.Done()
	}
}
