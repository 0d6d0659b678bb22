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

// Mode says what a run measures.
type Mode string

// The modes.
const (
	Throughput Mode = "throughput" // the rate of messages with a window
	Latency    Mode = "latency"    // the time of messages at a fixed rate
	Idle       Mode = "idle"       // the cost of idle connections
	Requests   Mode = "requests"   // the time of fetchSockets
	Storm      Mode = "storm"      // what many new clients cost the connected ones
	Links      Mode = "links"      // the rate between two nodes, without a Socket.IO server
)

// Modes are all modes.
var Modes = []Mode{Throughput, Latency, Idle, Requests, Storm, Links}

// Settings are the settings of a run.
type Settings struct {
	Mode Mode `json:"mode"`

	Nodes          int     `json:"nodes"`          // servers
	Clients        int     `json:"clients"`        // of all servers
	Workers        int     `json:"workers"`        // client processes; 0: the fewest that can hold the clients
	Rooms          int     `json:"rooms"`          // among which the clients are distributed
	RoomsPerClient int     `json:"roomsPerClient"` // rooms that each client joins
	Publishers     int     `json:"publishers"`     // clients that publish
	Size           int     `json:"size"`           // bytes of a payload
	Window         int     `json:"window"`         // messages on the way per publisher; 0: chosen automatically
	Rate           float64 `json:"rate"`           // messages per second, all publishers together

	Polling        bool          `json:"polling"`        // clients begin with polling
	ConnectRate    float64       `json:"connectRate"`    // connections per second; 0: no limit
	InFlight       int           `json:"inFlight"`       // connections being made at once, per worker
	ConnectTimeout time.Duration `json:"connectTimeout"` // time after which a connection counts as stalled
	Sources        int           `json:"sources"`        // loopback addresses of clients; 0: as many as needed
	Portable       bool          `json:"portable"`       // clients without epoll

	Warmup     time.Duration `json:"warmup"`     // time before the measurement
	Duration   time.Duration `json:"duration"`   // length of the measurement
	Rest       time.Duration `json:"rest"`       // idle: time between connecting and the measurement of memory
	Hold       time.Duration `json:"hold"`       // idle: how long connections are kept at the end
	Broadcasts int           `json:"broadcasts"` // idle: messages to all clients

	Present   int           `json:"present"`   // storm: clients that are connected before
	Newcomers int           `json:"newcomers"` // storm: new clients
	AtOnce    int           `json:"atOnce"`    // storm: newcomers that are connecting at a time; 0: no limit
	Within    time.Duration `json:"within"`    // storm: time after which newcomers are given up
}

// Setup has what runs need besides Settings.
type Setup struct {
	Cluster cluster.Options
	// Link returns the command of a link's receiving end.
	Link func(kind string) *exec.Cmd
	// Worker returns the command of a worker; nil: workers run in this process.
	Worker func() *exec.Cmd
	// URLs are the servers to measure, if they run already: then no cluster is started.
	URLs []string
	// Descriptors is how many files a process may have open.
	Descriptors int
	// Progress shows what a run is doing; nil: nothing is shown.
	Progress *Progress
}

// linkSizes are the sizes of the messages that are measured on links, in bytes.
var linkSizes = []int{100, 4096}

// reserved is how many files a process needs besides its connections.
const reserved = 500

// perSource is the highest number of connections from one address to one server.
const perSource = 20_000

// withDefaults sets the fields that follow from other ones.
func (s Settings) withDefaults(setup *Setup, nodes int) Settings {
	each := max(setup.Descriptors-reserved, 1)
	if s.Mode == Storm { // the newcomers have separate processes
		s.Clients = s.total()
		s.Workers = cmp.Or(s.Workers, (s.Newcomers+each-1)/each)
	}
	s.Workers = cmp.Or(s.Workers, (s.Clients+each-1)/each)
	if s.Mode == Storm {
		perSource := perSource / 2 // half, because clients connect again, and a port cannot be reused at once
		s.Sources = cmp.Or(s.Sources, (s.total()/max(nodes, 1)+perSource-1)/perSource)
	}
	s.Window = cmp.Or(s.Window, s.sensibleWindow())
	s.Sources = cmp.Or(s.Sources, (s.Clients/max(nodes, 1)+perSource-1)/perSource)
	return s
}

// sensibleWindow is large enough to keep servers busy, and small enough that no more than
// underWay bytes wait for clients: otherwise the queues would be measured.
func (s Settings) sensibleWindow() int {
	const most, fewest, underWay = 512, 8, 64 << 20
	members := max(s.Clients*s.RoomsPerClient/max(s.Rooms, 1), 1)
	return max(min(most, underWay/(s.Size*members)), fewest)
}

// Validate returns a [*core.ConfigError] for the first bad setting.
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

// total returns the number of clients.
func (s Settings) total() int {
	if s.Mode == Storm {
		return s.Present + s.Newcomers
	}
	return s.Clients
}

// plan returns the plan of the clients.
func (s Settings) plan(urls []string) load.Plan {
	return load.Plan{
		URLs: urls, Clients: s.Clients, Rooms: s.Rooms, RoomsPerClient: s.RoomsPerClient, Publishers: s.Publishers, Size: s.Size,
		Polling: s.Polling, ConnectRate: s.ConnectRate / float64(max(s.Workers, 1)), InFlight: s.InFlight, ConnectTimeout: s.ConnectTimeout, Sources: s.Sources, Portable: s.Portable,
	}
}
