package bench

import (
	"time"

	"github.com/socketmesh/mesh/bench/cluster"
	"github.com/socketmesh/mesh/internal/histogram"
	"github.com/socketmesh/mesh/internal/load"
)

// Result has the numbers of one run. Numbers that its mode does not measure, or that the
// system does not report, are absent.
type Result struct {
	Config   string   `json:"config"`
	Round    int      `json:"round"` // from 1
	Nodes    int      `json:"nodes"`
	Settings Settings `json:"settings"`

	Seconds       float64 `json:"seconds,omitempty"` // length of the measurement
	Messages      float64 `json:"messagesPerSecond,omitempty"`
	Deliveries    float64 `json:"deliveriesPerSecond,omitempty"`
	DeliveryCount uint64  `json:"deliveries,omitempty"`

	Latency  *Percentiles `json:"latency,omitempty"`  // of deliveries
	Requests *Percentiles `json:"requests,omitempty"` // of fetchSockets
	Ping     *Percentiles `json:"ping,omitempty"`     // of an event and its answer
	Last     *Percentiles `json:"lastDelivery,omitempty"`

	Storm *StormResult `json:"storm,omitempty"`

	Trips *Percentiles `json:"roundTrip,omitempty"` // links: round trips of one message on an idle link
	Flows []Flow       `json:"flows,omitempty"`     // links

	// CPU seconds per million deliveries.
	ServerCPU float64 `json:"serverCPU,omitempty"`
	BrokerCPU float64 `json:"brokerCPU,omitempty"`
	ClientCPU float64 `json:"clientCPU,omitempty"`

	// Messages and bytes between the servers of a mesh, per published message.
	MeshMessages float64 `json:"meshMessages,omitempty"`
	MeshBytes    float64 `json:"meshBytes,omitempty"`

	// Connecting: connections per second, and microseconds of CPU per connection.
	ConnectRate      float64 `json:"connectRate,omitempty"`
	ConnectServerCPU float64 `json:"connectServerCPU,omitempty"`
	ConnectClientCPU float64 `json:"connectClientCPU,omitempty"`
	// Memory of the servers per connection, in bytes: the growth, and the total.
	Memory        float64 `json:"memoryPerConnection,omitempty"`
	ServerMemory  int64   `json:"serverMemory,omitempty"`
	MemoryAfter   float64 `json:"memoryPerConnectionAfter,omitempty"` // after the broadcasts
	HeartbeatCPU  float64 `json:"idleServerCPU,omitempty"`            // of one processor, during hold
	PingsAnswered uint64  `json:"pingsAnswered,omitempty"`

	Connected int    `json:"connected"`
	Lost      uint64 `json:"lost"`
	Duplicate uint64 `json:"duplicates"`
	Late      uint64 `json:"outOfOrder"`
	Strange   uint64 `json:"strange,omitempty"`
	Wrong     int    `json:"wrongAnswers,omitempty"`
	Missing   int    `json:"missingAnswers,omitempty"`
	Failed    int    `json:"failed"`  // clients that did not connect
	Closed    int    `json:"closed"`  // clients that the server has disconnected
	Stalled   int    `json:"stalled"` // connections on which nothing was received
	Retried   int    `json:"retried"` // connections that were tried again
	Error     string `json:"error,omitempty"`
}

// Flow is the rate of messages of a size on a link.
type Flow struct {
	Size     int     `json:"size"` // bytes
	Messages float64 `json:"messagesPerSecond"`
}

// Percentiles are percentiles of durations, in milliseconds.
type Percentiles struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

func percentiles(h *histogram.Histogram) *Percentiles {
	if h.Total == 0 {
		return nil
	}
	return &Percentiles{
		Count: h.Total,
		Mean:  milliseconds(h.Mean()),
		P50:   milliseconds(h.Quantile(0.5)),
		P90:   milliseconds(h.Quantile(0.9)),
		P99:   milliseconds(h.Quantile(0.99)),
		P999:  milliseconds(h.Quantile(0.999)),
		Max:   milliseconds(h.Max),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// traffic sets the numbers of deliveries between Begin and End.
func (r *Result) traffic(report *load.Report, used cluster.Sample) {
	n := report.End.Deliveries - report.Begin.Deliveries
	seconds := float64(report.End.At-report.Begin.At) / 1e9
	r.Seconds = seconds
	r.DeliveryCount = n
	r.Latency = percentiles(&report.Latency)
	if seconds <= 0 || n == 0 {
		return
	}
	messages := r.Settings.messages(report)
	r.Messages = messages / seconds
	r.Deliveries = float64(n) / seconds
	if messages > 0 {
		r.MeshMessages = float64(used.Mesh.Messages) / messages
		r.MeshBytes = float64(used.Mesh.Bytes) / messages
	}
	perMillion := func(d time.Duration) float64 { return d.Seconds() / float64(n) * 1e6 }
	r.ClientCPU = perMillion(report.End.CPU - report.Begin.CPU)
	if used.Known {
		r.ServerCPU = perMillion(used.Servers.CPU)
		r.BrokerCPU = perMillion(used.Broker.CPU)
	}
}

// messages returns how many messages were delivered between Begin and End: with a window,
// messages that were sent may wait in queues for long.
func (s Settings) messages(report *load.Report) float64 {
	if s.Mode == Latency {
		return float64(report.End.Sent - report.Begin.Sent)
	}
	members := float64(s.Clients*s.RoomsPerClient) / float64(s.Rooms)
	return float64(report.End.Deliveries-report.Begin.Deliveries) / members
}

// troubles sets the counts of errors.
func (r *Result) troubles(total load.Tally, lost uint64) {
	r.Connected = total.Ready
	r.Lost, r.Duplicate, r.Late, r.Strange = lost, total.Duplicates, total.Late, total.Strange
	r.Failed, r.Closed, r.Stalled, r.Retried = total.Failed, total.Closed, total.Stalled, total.Retried
	if total.Failed+total.Closed > 0 {
		r.Error = total.LastError
	}
}
