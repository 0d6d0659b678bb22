package adminui

import (
	"os"
	"time"

	"github.com/socketmesh/mesh/socketio"
)

// serverStats are the statistics of a server. Its members are in the order of the
// original's.
type serverStats struct {
	ServerID   string             `json:"serverId"`
	Hostname   string             `json:"hostname"`
	Pid        int                `json:"pid"`
	Uptime     float64            `json:"uptime"` // seconds
	Clients    int                `json:"clientsCount"`
	Polling    int                `json:"pollingClientsCount"`
	Aggregated []aggregated       `json:"aggregatedEvents"`
	Namespaces []namespaceDetails `json:"namespaces"`
}

// aggregated is how often something has happened in a second, or since the previous
// statistics.
type aggregated struct {
	Timestamp int64  `json:"timestamp"` // milliseconds, of a whole second
	Type      string `json:"type"`
	Count     int64  `json:"count"`
}

type namespaceDetails struct {
	Name    string `json:"name"`
	Sockets int    `json:"socketsCount"`
}

// statistics makes the numbers from the counters of ClientStats. The loop owns it.
type statistics struct {
	server *socketio.Constructor
	id     string
	began  time.Time
	last   *socketio.ClientStats // nil while there are no pages
}

// take returns the numbers, with what has happened since the last call, or since forget.
func (s *statistics) take(now time.Time) serverStats {
	stats := s.server.ClientStats()
	numbers := serverStats{
		ServerID:   s.id,
		Hostname:   hostname(),
		Pid:        os.Getpid(),
		Uptime:     now.Sub(s.began).Seconds(),
		Clients:    stats.WebSocket + stats.Polling + stats.OtherTransports,
		Polling:    stats.Polling,
		Aggregated: []aggregated{},
		Namespaces: []namespaceDetails{},
	}
	for _, open := range s.server.Namespaces() {
		if open.State != nil {
			sockets, _ := open.State.Population()
			numbers.Namespaces = append(numbers.Namespaces, namespaceDetails{open.Name, sockets})
		}
	}
	if s.last != nil {
		numbers.Aggregated = differences(*s.last, stats, now)
	}
	s.last = &stats
	return numbers
}

// forget is called when there are no pages any more: what happens then is not counted.
func (s *statistics) forget() { s.last = nil }

func differences(before, after socketio.ClientStats, now time.Time) []aggregated {
	list := []aggregated{}
	for _, d := range []struct {
		name          string
		before, after int64
	}{
		{"rawConnection", before.Connections, after.Connections},
		{"rawDisconnection", before.Disconnections, after.Disconnections},
		{"packetsIn", before.PacketsIn, after.PacketsIn},
		{"bytesIn", before.BytesIn, after.BytesIn},
		{"packetsOut", before.Frames, after.Frames},
		{"bytesOut", before.Bytes, after.Bytes},
	} {
		if n := d.after - d.before; n > 0 {
			list = append(list, aggregated{now.Truncate(time.Second).UnixMilli(), d.name, n})
		}
	}
	return list
}
