package bench

import (
	"fmt"
	"slices"
)

// column is a number of a result, shown as a column of tables.
type column struct {
	title string
	modes []Mode
	get   func(r *Result) float64
	// sum columns count errors: the counts of all rounds are added up, and there are no
	// ratios.
	sum bool
}

var (
	traffic   = []Mode{Throughput, Latency}
	clustered = []Mode{Throughput, Latency, Idle, Requests}
)

// columns are the columns of a mode, from left to right.
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

		{"present", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.Present) }), false},
		{"present lost", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.Lost) }), true},
		{"in", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.In) }), false},
		{"not in", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.Out) }), true},
		{"in, lost", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.LostAfter) }), true},
		{"in/s", []Mode{Storm}, storm(func(s *StormResult) float64 { return s.NewcomersRate }), false},
		{"wait p50 s", []Mode{Storm}, seconds(wait, p50), false},
		{"wait p99 s", []Mode{Storm}, seconds(wait, p99), false},
		{"wait max s", []Mode{Storm}, seconds(wait, longest), false},
		{"refused", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.Refused) }), false},
		{"timed out", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.TimedOut) }), false},
		{"retries", []Mode{Storm}, storm(func(s *StormResult) float64 { return float64(s.Retries) }), false},
		{"rest p99 ms", []Mode{Storm}, percentile(before, p99), false},
		{"probe p50 ms", []Mode{Storm}, percentile(probe, p50), false},
		{"probe p99 ms", []Mode{Storm}, percentile(probe, p99), false},
		{"ping late s", []Mode{Storm}, seconds(pingLate, longest), false},
		{"server CPU s", []Mode{Storm}, storm(func(s *StormResult) float64 { return s.ServerSeconds }), false},
		{"us/in", []Mode{Storm}, storm(func(s *StormResult) float64 { return s.ServerPerEntry }), false},

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

// flow returns the rate of a link for messages of a size.
func flow(r *Result, size int) float64 {
	for _, f := range r.Flows {
		if f.Size == size {
			return f.Messages
		}
	}
	return 0
}

// storm makes the value of a column from a storm's result.
func storm(get func(*StormResult) float64) func(*Result) float64 {
	return func(r *Result) float64 {
		if r.Storm == nil {
			return 0
		}
		return get(r.Storm)
	}
}

func wait(s *StormResult) *Percentiles     { return s.Wait }
func pingLate(s *StormResult) *Percentiles { return s.PingLate }

func before(r *Result) *Percentiles {
	return ofStorm(r, func(s *StormResult) *Percentiles { return s.Before })
}
func probe(r *Result) *Percentiles {
	return ofStorm(r, func(s *StormResult) *Percentiles { return s.Probe })
}

func ofStorm(r *Result, pick func(*StormResult) *Percentiles) *Percentiles {
	if r.Storm == nil {
		return nil
	}
	return pick(r.Storm)
}

// seconds makes the value of a column from a percentile of a storm, in seconds.
func seconds(of func(*StormResult) *Percentiles, pick func(*Percentiles) float64) func(*Result) float64 {
	return storm(func(s *StormResult) float64 {
		if p := of(s); p != nil {
			return pick(p) / 1e3
		}
		return 0
	})
}

func longest(p *Percentiles) float64 { return p.Max }

func p50(p *Percentiles) float64  { return p.P50 }
func p90(p *Percentiles) float64  { return p.P90 }
func p99(p *Percentiles) float64  { return p.P99 }
func p999(p *Percentiles) float64 { return p.P999 }

// percentile makes the value of a column from a percentile of a result.
func percentile(of func(*Result) *Percentiles, pick func(*Percentiles) float64) func(*Result) float64 {
	return func(r *Result) float64 {
		if p := of(r); p != nil {
			return pick(p)
		}
		return 0
	}
}
