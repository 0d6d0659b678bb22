package socketio

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/backlog"
)

// ClientStats are counters of this server's clients and of the traffic with them. Unless a
// field says otherwise they are about WebSocket clients, without those that are left to the
// library, see [ClientOptions]. The counters of slow clients and of queued memory include
// clients that poll.
type ClientStats struct {
	Clients     int   // connected now
	Slow        int64 // disconnected because they were too slow, for one of these reasons:
	SlowRate    int64 // they took less than MinRate while more than QueueBytes waited
	SlowFull    int64 // more than MaxQueueBytes waited
	SlowTimeout int64 // they took nothing for Timeout
	SlowMemory  int64 // more than TotalBytes waited for all clients, and a large part of it for these
	Queued      int64 // memory of what waits for clients that are behind, in bytes
	QueuedLimit int64 // the limit of Queued: TotalBytes
	Held        int   // clients, polling ones included, that are not read from now because they are ahead of their handlers
	Holds       int64 // times that a client was held back
	Dropped     int64 // volatile events that were not sent to clients that were behind
	Blocked     int64 // times that a client did not take everything at once
	Writes      int64 // system calls
	Frames      int64 // written: events and other frames
	Bytes       int64 // written

	// Clients of all kinds that are connected now, by transport. A client that is being
	// upgraded counts in Polling and in Upgrading.
	WebSocket       int
	Polling         int
	OtherTransports int
	Upgrading       int
	// Sockets counts sockets, of which a client has one per namespace. Rooms counts rooms
	// with members, without the rooms of single sockets' ids. Rooms of the same name in two
	// namespaces are two.
	Sockets int
	Rooms   int
	// Connections and Disconnections count clients of all kinds that have connected and
	// disconnected.
	Connections    int64
	Disconnections int64
	// PacketsIn counts the events and acknowledgements of clients of all kinds that reached
	// handlers, and BytesIn their bytes. Both stay 0 with a parser of the application's
	// that the mesh cannot wrap.
	PacketsIn int64
	BytesIn   int64

	// Clients of all kinds that are about to connect, see [ClientOptions.MaxConnecting].
	Connecting int           // admitted, and connecting now
	Waiting    int           // waiting for admission
	Waits      int64         // clients that had to wait and were admitted
	Waited     time.Duration // the sum of their waiting times
	Refused    int64         // answered with 503, because too many were waiting or they had waited for too long
}

// ClientStats returns a snapshot. It looks at each client without blocking any: with 10,000
// clients that takes some hundred microseconds.
func (c *Constructor) ClientStats() ClientStats {
	s := c.fastpath.Scheduler.Stats()
	slow := int64(0)
	for _, n := range s.Cut {
		slow += n
	}
	stats := ClientStats{
		Clients:     s.Connections,
		Slow:        slow,
		SlowRate:    s.Cut[backlog.NoProgress],
		SlowFull:    s.Cut[backlog.Full],
		SlowTimeout: s.Cut[backlog.Timeout],
		SlowMemory:  s.Cut[backlog.Memory],
		Queued:      s.Held,
		QueuedLimit: s.Total,
		Held:        c.fastpath.Inflow.Held(),
		Holds:       c.fastpath.Inflow.Holds(),
		Dropped:     s.Dropped,
		Blocked:     s.Blocked,
		Writes:      s.Writes,
		Frames:      s.Frames,
		Bytes:       s.Bytes,
		PacketsIn:   c.fastpath.Inflow.Packets(),
		BytesIn:     c.fastpath.Inflow.Bytes(),
	}
	gate := c.fastpath.Gate.Stats()
	stats.Connecting, stats.Waiting = gate.Working, gate.Waiting
	stats.Waits, stats.Waited, stats.Refused = gate.Waits, gate.Waited, gate.Refused
	for _, server := range c.servers() {
		stats.countTransports(server.Engine())
	}
	for _, a := range c.openAdapters() {
		sockets, rooms := a.rooms.Population()
		stats.Sockets += sockets
		stats.Rooms += rooms
	}
	stats.Connections, stats.Disconnections = c.connections.counts(stats.WebSocket + stats.Polling + stats.OtherTransports)
	return stats
}

// servers returns the servers that have namespaces open here: one, or none.
func (c *Constructor) servers() (list []*socket.Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for server := range c.namespaces {
		list = append(list, server)
	}
	return list
}

// openAdapters returns the adapters of all open namespaces.
func (c *Constructor) openAdapters() []*adapter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.open))
}

// countTransports adds an engine's clients.
func (s *ClientStats) countTransports(server engine.BaseServer) {
	if server == nil {
		return
	}
	server.Clients().Range(func(_ string, client engine.Socket) bool {
		switch t := client.Transport(); {
		case t == nil:
		case t.Name() == transports.WEBSOCKET:
			s.WebSocket++
		case t.Name() == transports.POLLING:
			s.Polling++
			if client.Upgrading() {
				s.Upgrading++
			}
		default:
			s.OtherTransports++
		}
		return true
	})
}

// connections counts the clients that have connected. The number that has left follows from
// it and from the number that is connected, so nothing is kept per client.
type connections struct {
	came atomic.Int64

	mu   sync.Mutex
	left int64 // the highest number returned so far, below which counts does not go
}

// opened is an engine's listener of "connection".
func (c *connections) opened(...any) { c.came.Add(1) }

// counts returns how many clients have connected and left, if now are connected.
func (c *connections) counts(now int) (came, left int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	came = c.came.Load()
	c.left = max(c.left, came-int64(now)) // now may include a client that came does not count yet
	return came, c.left
}
