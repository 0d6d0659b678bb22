package bench

import (
	"cmp"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/socketmesh/mesh/bench/cluster"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/astyped"
	"github.com/socketmesh/mesh/internal/load"
)

// Mode is what is measured.
type Mode string

// The modes.
const (
	Throughput Mode = "throughput" // as many messages as a window lets through
	Latency    Mode = "latency"    // how long messages take at a fixed rate
	Idle       Mode = "idle"       // what connections cost that do nothing
	Requests   Mode = "requests"   // how long fetchSockets takes
	Storm      Mode = "storm"      // what many newcomers cost those that are there
	Links      Mode = "links"      // what two nodes carry, without a Socket.IO server
)

// Modes are all of them.
var Modes = []Mode{Throughput, Latency, Idle, Requests, Storm, Links}

// Settings are those of a run.
type Settings struct {
	Mode Mode `json:"mode"`

	Nodes          int     `json:"nodes"`          // servers
	Clients        int     `json:"clients"`        // of all servers
	Workers        int     `json:"workers"`        // client processes; 0: as few as hold the clients
	Rooms          int     `json:"rooms"`          // which share the clients
	RoomsPerClient int     `json:"roomsPerClient"` // that each client is in
	Publishers     int     `json:"publishers"`     // clients that publish
	Size           int     `json:"size"`           // bytes of a payload
	Window         int     `json:"window"`         // messages under way, of each publisher; 0: as many as are sensible
	Rate           float64 `json:"rate"`           // messages per second, of all publishers

	Polling        bool          `json:"polling"`        // clients begin by polling
	ConnectRate    float64       `json:"connectRate"`    // connections per second; 0: no bound
	InFlight       int           `json:"inFlight"`       // connections being made at once, of each worker
	ConnectTimeout time.Duration `json:"connectTimeout"` // when a connection counts as stalled
	Sources        int           `json:"sources"`        // loopback addresses of clients; 0: as many as needed
	Portable       bool          `json:"portable"`       // clients without epoll

	Warmup     time.Duration `json:"warmup"`     // before it is measured
	Duration   time.Duration `json:"duration"`   // of what is measured
	Rest       time.Duration `json:"rest"`       // idle: how long new connections are left alone before memory is measured
	Hold       time.Duration `json:"hold"`       // idle: how long connections are kept at the end
	Broadcasts int           `json:"broadcasts"` // idle: messages to everybody

	Present   int           `json:"present"`   // storm: clients that are there
	Newcomers int           `json:"newcomers"` // storm: clients that come
	AtOnce    int           `json:"atOnce"`    // storm: newcomers that are connecting at a time; 0: no bound
	Within    time.Duration `json:"within"`    // storm: when newcomers that are not in are given up
}

// Setup is what the runs are made with.
type Setup struct {
	Cluster cluster.Options
	// Link makes the process of the other end of a link.
	Link func(kind string) *exec.Cmd
	// Worker makes the process of a worker; nil: workers are in this process.
	Worker func() *exec.Cmd
	// URLs are servers that run already. No cluster is started then.
	URLs []string
	// Descriptors is how many files a process may have open.
	Descriptors int
	// Progress is told what goes on; nil: nobody.
	Progress *Progress
}

// linkSizes are the sizes of messages that links are measured with, in bytes.
var linkSizes = []int{100, 4096}

// reserved is how many files a process needs beside its connections.
const reserved = 500

// perSource is how many connections one address has to one server at most.
const perSource = 20_000

// withDefaults fills in what follows from the rest.
func (s Settings) withDefaults(setup *Setup, nodes int) Settings {
	each := max(setup.Descriptors-reserved, 1)
	if s.Mode == Storm { // the newcomers are in processes of their own
		s.Clients = s.total()
		s.Workers = cmp.Or(s.Workers, (s.Newcomers+each-1)/each)
	}
	s.Workers = cmp.Or(s.Workers, (s.Clients+each-1)/each)
	if s.Mode == Storm {
		perSource := perSource / 2 // for connections are begun again, and a port rests after one
		s.Sources = cmp.Or(s.Sources, (s.total()/max(nodes, 1)+perSource-1)/perSource)
	}
	s.Window = cmp.Or(s.Window, s.sensibleWindow())
	s.Sources = cmp.Or(s.Sources, (s.Clients/max(nodes, 1)+perSource-1)/perSource)
	return s
}

// sensibleWindow keeps servers busy, and does not have them hold more than
// underWay bytes for clients: that would measure how they queue.
func (s Settings) sensibleWindow() int {
	const most, fewest, underWay = 512, 8, 64 << 20
	members := max(s.Clients*s.RoomsPerClient/max(s.Rooms, 1), 1)
	return max(min(most, underWay/(s.Size*members)), fewest)
}

// Validate finds what is not allowed. Errors are [*core.ConfigError].
func (s Settings) Validate() error {
	known := false
	var names []string
	for _, m := range Modes {
		known = known || m == s.Mode
		names = append(names, string(m))
	}
	if !known {
		return &core.ConfigError{Field: "mode", Value: s.Mode, Allowed: strings.Join(names, ", ")}
	}
	type number struct {
		flag             string
		value, low, high int
	}
	type duration struct {
		flag             string
		value, low, high time.Duration
	}
	numbers := []number{
		{"--nodes", s.Nodes, 1, 1000},
		{"--clients", s.Clients, 1, 10_000_000},
		{"--workers", s.Workers, 0, 1000},
		{"--rooms", s.Rooms, 1, 1_000_000},
		{"--rooms-per-client", s.RoomsPerClient, 1, s.Rooms},
		{"--publishers", s.Publishers, 1, s.Clients},
		{"--size", s.Size, load.MinSize, 16 << 20},
		{"--window", s.Window, 0, 1 << 16},
		{"--in-flight", s.InFlight, 1, 100_000},
		{"--sources", s.Sources, 0, 60_000},
		{"--broadcasts", s.Broadcasts, 0, 1000},
	}
	durations := []duration{
		{"--warmup", s.Warmup, 0, time.Minute},
		{"--duration", s.Duration, 100 * time.Millisecond, time.Hour},
		{"--rest", s.Rest, 0, time.Hour},
		{"--hold", s.Hold, 0, time.Hour},
		{"--connect-timeout", s.ConnectTimeout, 100 * time.Millisecond, time.Minute},
	}
	if s.Mode == Storm {
		numbers = append(numbers, number{"--present", s.Present, 1, 1_000_000}, number{"--newcomers", s.Newcomers, 1, 10_000_000}, number{"--at-once", s.AtOnce, 0, 10_000_000})
		durations = append(durations, duration{"--within", s.Within, time.Second, time.Hour})
	}
	for _, n := range numbers {
		if n.value < n.low || n.value > n.high {
			return &core.ConfigError{Field: n.flag, Value: n.value, Allowed: fmt.Sprintf("%d to %d", n.low, n.high)}
		}
	}
	for _, d := range durations {
		if d.value < d.low || d.value > d.high {
			return &core.ConfigError{Field: d.flag, Value: d.value, Allowed: astyped.Show(d.low) + " to " + astyped.Show(d.high)}
		}
	}
	switch {
	case s.Rate <= 0 || s.Rate > 1e6:
		return &core.ConfigError{Field: "--rate", Value: s.Rate, Allowed: "above 0, up to 1000000"}
	case s.ConnectRate < 0:
		return &core.ConfigError{Field: "--connect-rate", Value: s.ConnectRate, Allowed: "0 or more"}
	case s.Clients*s.RoomsPerClient < s.Rooms:
		return &core.ConfigError{Field: "--rooms", Value: s.Rooms, Allowed: fmt.Sprintf("at most %d, or some would be empty", s.Clients*s.RoomsPerClient)}
	}
	return nil
}

// total is how many clients there are.
func (s Settings) total() int {
	if s.Mode == Storm {
		return s.Present + s.Newcomers
	}
	return s.Clients
}

// plan is that of the clients.
func (s Settings) plan(urls []string) load.Plan {
	return load.Plan{
		URLs: urls, Clients: s.Clients, Rooms: s.Rooms, RoomsPerClient: s.RoomsPerClient, Publishers: s.Publishers, Size: s.Size,
		Polling: s.Polling, ConnectRate: s.ConnectRate / float64(max(s.Workers, 1)), InFlight: s.InFlight, ConnectTimeout: s.ConnectTimeout, Sources: s.Sources, Portable: s.Portable,
	}
}
