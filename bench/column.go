package bench

import (
	"fmt"
	"slices"
)

// column is a number of a result that tables show.
type column struct {
	title string
	modes []Mode
	get   func(r *Result) float64
	// sum columns count what must not happen: rounds are added up, and there are
	// no ratios.
	sum bool
}

var (
	traffic   = []Mode{Throughput, Latency}
	clustered = []Mode{Throughput, Latency, Idle, Requests}
)

// columns are those of all modes, from left to right.
func columns(mode Mode) []column {
	all := []column{
		{"msg/s", traffic, func(r *Result) float64 { return r.Messages }, false},
		{"deliveries/s", traffic, func(r *Result) float64 { return r.Deliveries }, false},
		{"p50 ms", traffic, percentile(latency, p50), false},
		{"p90 ms", traffic, percentile(latency, p90), false},
		{"p99 ms", traffic, percentile(latency, p99), false},
		{"p99.9 ms", traffic, percentile(latency, p999), false},
		{"server s/M", traffic, func(r *Result) float64 { return r.ServerCPU }, false},
		{"broker s/M", traffic, func(r *Result) float64 { return r.BrokerCPU }, false},
		{"client s/M", traffic, func(r *Result) float64 { return r.ClientCPU }, false},

		{"mesh msg", traffic, func(r *Result) float64 { return r.MeshMessages }, false},
		{"mesh B", traffic, func(r *Result) float64 { return r.MeshBytes }, false},

		{"fetch p50 ms", []Mode{Requests}, percentile(requests, p50), false},
		{"p90 ms", []Mode{Requests}, percentile(requests, p90), false},
		{"p99 ms", []Mode{Requests}, percentile(requests, p99), false},
		{"server us", []Mode{Requests}, func(r *Result) float64 { return r.ServerCPU }, false},
		{"wrong", []Mode{Requests}, func(r *Result) float64 { return float64(r.Wrong) }, true},

		{"KB/conn", []Mode{Idle}, func(r *Result) float64 { return r.Memory / 1e3 }, false},
		{"servers MB", []Mode{Idle}, func(r *Result) float64 { return float64(r.ServerMemory) / 1e6 }, false},
		{"conn/s", []Mode{Idle}, func(r *Result) float64 { return r.ConnectRate }, false},
		{"us/conn", []Mode{Idle}, func(r *Result) float64 { return r.ConnectServerCPU }, false},
		{"ping p50 ms", []Mode{Idle}, percentile(ping, p50), false},
		{"ping p99 ms", []Mode{Idle}, percentile(ping, p99), false},
		{"last ms", []Mode{Idle}, percentile(last, p50), false},
		{"idle CPU", []Mode{Idle}, func(r *Result) float64 { return r.HeartbeatCPU }, false},

		{"trip p50 us", []Mode{Links}, func(r *Result) float64 { return 1e3 * percentile(trips, p50)(r) }, false},
		{"trip p99 us", []Mode{Links}, func(r *Result) float64 { return 1e3 * percentile(trips, p99)(r) }, false},

		{"clients", clustered, func(r *Result) float64 { return float64(r.Connected) }, false},
		{"lost", append(traffic, Idle), func(r *Result) float64 { return float64(r.Lost) }, true},
		{"dup", append(traffic, Idle), func(r *Result) float64 { return float64(r.Duplicate) }, true},
		{"order", append(traffic, Idle), func(r *Result) float64 { return float64(r.Late) }, true},
		{"stalled", clustered, func(r *Result) float64 { return float64(r.Stalled) }, true},
		{"failed", clustered, func(r *Result) float64 { return float64(r.Failed + r.Closed) }, true},
	}
	for _, size := range linkSizes {
		all = append(all,
			column{fmt.Sprintf("%d B msg/s", size), []Mode{Links}, func(r *Result) float64 { return flow(r, size) }, false},
			column{fmt.Sprintf("%d B MB/s", size), []Mode{Links}, func(r *Result) float64 { return flow(r, size) * float64(size) / 1e6 }, false})
	}
	return slices.DeleteFunc(all, func(c column) bool { return !slices.Contains(c.modes, mode) })
}

func latency(r *Result) *Percentiles  { return r.Latency }
func requests(r *Result) *Percentiles { return r.Requests }
func ping(r *Result) *Percentiles     { return r.Ping }
func last(r *Result) *Percentiles     { return r.Last }
func trips(r *Result) *Percentiles    { return r.Trips }

// flow is the rate of messages of a size on a link.
func flow(r *Result, size int) float64 {
	for _, f := range r.Flows {
		if f.Size == size {
			return f.Messages
		}
	}
	return 0
}

func p50(p *Percentiles) float64  { return p.P50 }
func p90(p *Percentiles) float64  { return p.P90 }
func p99(p *Percentiles) float64  { return p.P99 }
func p999(p *Percentiles) float64 { return p.P999 }

// percentile is one of those that a result may have.
func percentile(of func(*Result) *Percentiles, pick func(*Percentiles) float64) func(*Result) float64 {
	return func(r *Result) float64 {
		if p := of(r); p != nil {
			return pick(p)
		}
		return 0
	}
}
