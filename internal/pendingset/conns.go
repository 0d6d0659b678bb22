package pendingset

import (
	"net"
	"net/http"
	"sync"
)

// Conns are the TCP connections at an HTTP server that are not WebSockets yet. When there
// are too many, the caller closes the oldest.
type Conns struct {
	set   *Set[net.Conn]
	evict func(net.Conn)
	open  sync.WaitGroup // counts the connections, until net/http is done with them
}

// NewConns returns Conns with the limits of [NewPerSource]. evict closes a
// connection; it must not block.
func NewConns(limit, perSource int, evict func(net.Conn)) *Conns {
	return &Conns{set: NewPerSource[net.Conn](limit, perSource), evict: evict}
}

// Track follows the state of a connection: it is an [http.Server]'s ConnState.
func (c *Conns) Track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.open.Add(1)
		if oldest, evicted := c.set.AddFrom(Source(conn.RemoteAddr().String()), conn); evicted {
			c.evict(oldest)
		}
	case http.StateHijacked, http.StateClosed:
		c.set.Remove(conn)
		c.open.Done()
	}
}

// Wait waits until the server is done with all connections. It is called after the
// server's Close.
func (c *Conns) Wait() { c.open.Wait() }
