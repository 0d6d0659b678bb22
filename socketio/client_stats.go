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

// ClientStats are counters of this server's clients and of what is sent between them and
// the server. Where nothing else is said they are about WebSocket clients, but for those
// left to the library, see [ClientOptions]. Of clients that poll, those that were too slow
// and what waits for them is in it.
type ClientStats struct {
	Clients     int   // connected now
	Slow        int64 // disconnected because they were too slow, for one of these reasons:
	SlowRate    int64 // they took less than MinRate while more than QueueBytes waited
	SlowFull    int64 // more than MaxQueueBytes waited
	SlowTimeout int64 // they took nothing for Timeout
	SlowMemory  int64 // more than TotalBytes waited for all, and much of it for them
	Queued      int64 // memory that is held by what waits for clients that are behind, in bytes
	QueuedLimit int64 // that it may be: TotalBytes
	Held        int   // clients, polling ones included, that are ahead of their handlers, and not read from now
	Holds       int64 // times that one was
	Dropped     int64 // volatile events not sent to clients that were behind
	Blocked     int64 // times that a client did not take everything at once
	Writes      int64 // system calls
	Frames      int64 // written: events, and what else there is
	Bytes       int64 // written

	// Clients that are connected now, by their transport, those left to the library
	// included. One that is being upgraded is still among those that poll, and counts
	// in Upgrading, too.
	WebSocket       int
	Polling         int
	OtherTransports int
	Upgrading       int
	// Sockets is how many there are, a client's in each of its namespaces, and Rooms how
	// many rooms have members, but for those that sockets have for themselves. Each
	// namespace counts for itself.
	Sockets int
	Rooms   int
	// Connections and Disconnections count clients of all kinds that have come and
	// gone.
	Connections    int64
	Disconnections int64
	// PacketsIn counts what clients of all kinds have sent and handlers got: events and
	// acknowledgements. It stays 0 with a parser of the application's that the mesh
	// cannot look into. BytesIn is how long they were.
	PacketsIn int64
	BytesIn   int64

	// Clients of all kinds that are on their way in, see [ClientOptions.MaxConnecting].
	Connecting int           // being let in now
	Waiting    int           // for their turn
	Waits      int64         // those that have waited and were let in
	Waited     time.Duration // for how long, all together
	Refused    int64         // answered with 503, because too many were waiting or they had waited for too long
}

// ClientStats returns a snapshot. It looks at each client: of 10,000 that takes some
// hundred microseconds, and holds nobody up.
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

// servers are those that have namespaces open here: one, or none.
func (c *Constructor) servers() (list []*socket.Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for server := range c.namespaces {
		list = append(list, server)
	}
	return list
}

// openAdapters are those of the namespaces that are open here.
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

// connections counts clients that come. Who has gone is known from that and from who is
// there: nothing has to be kept for each client.
type connections struct {
	came atomic.Int64

	mu   sync.Mutex
	left int64 // at least so many have gone
}

// opened is an engine's listener of "connection".
func (c *connections) opened(...any) { c.came.Add(1) }

// counts returns how many have come and gone, while so many are there.
func (c *connections) counts(now int) (came, left int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	came = c.came.Load()
	c.left = max(c.left, came-int64(now)) // who is counted a moment before it came has not gone
	return came, c.left
}
