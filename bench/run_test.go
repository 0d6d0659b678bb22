package bench

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/bench/baseline"
	"github.com/socketmesh/mesh/bench/server"
	"github.com/socketmesh/mesh/discovery/service"
)

// few are settings of a run that is over soon.
func few(mode Mode) Settings {
	return Settings{
		Mode: mode, Nodes: 2, Clients: 20, Workers: 2, Rooms: 1, RoomsPerClient: 1, Publishers: 1, Size: 100, Window: 16, Rate: 100,
		InFlight: 8, ConnectTimeout: time.Minute, Broadcasts: 2, Warmup: 50 * time.Millisecond, Duration: 300 * time.Millisecond,
	}
}

// baselineServer is a baseline server in this process.
func baselineServer(t *testing.T) []string {
	s := &baseline.Server{}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		s.Close()
	})
	return []string{web.URL}
}

// meshServers are two of our servers in this process.
func meshServers(t *testing.T) []string {
	t.Helper()
	discovery := service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0"})
	if err := discovery.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	shutdown(t, discovery.Shutdown)
	var urls []string
	for range 2 {
		s, err := server.Start(t.Context(), server.Options{
			Listen: "127.0.0.1:0",
			Mesh:   &mesh.Config{Listen: "127.0.0.1:0", DiscoveryAddress: "ws://" + discovery.Addr()},
		})
		if err != nil {
			t.Fatal(err)
		}
		shutdown(t, s.Shutdown)
		urls = append(urls, s.URL())
	}
	return urls
}

func shutdown(t *testing.T, stop func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// measure runs against servers that are there, with workers in this process.
func measure(t *testing.T, urls []string, s Settings) Result {
	t.Helper()
	r, err := Run(t.Context(), "urls", s, &Setup{URLs: urls, Descriptors: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if r.Connected != s.Clients || r.Failed+r.Closed > 0 || r.Lost+r.Duplicate+r.Late+r.Strange > 0 {
		t.Errorf("%d of %d connected, %d failed, %d closed (%s); lost %d, duplicates %d, out of order %d, strange %d",
			r.Connected, s.Clients, r.Failed, r.Closed, r.Error, r.Lost, r.Duplicate, r.Late, r.Strange)
	}
	return r
}

// TestTraffic: what is published reaches everybody, on every kind of server and
// with every kind of client.
func TestTraffic(t *testing.T) {
	for _, c := range []struct {
		name   string
		urls   func(*testing.T) []string
		change func(*Settings)
	}{
		{"baseline", baselineServer, func(*Settings) {}},
		{"baseline, portable", baselineServer, func(s *Settings) { s.Portable = true }},
		{"baseline, large payloads", baselineServer, func(s *Settings) { s.Size = 300_000; s.Clients, s.Window = 2, 2 }},
		{"mesh", meshServers, func(*Settings) {}},
		{"mesh, portable, polling", meshServers, func(s *Settings) { s.Portable, s.Polling = true, true }},
		{"mesh, polling", meshServers, func(s *Settings) { s.Polling = true }},
		{"mesh, rooms", meshServers, func(s *Settings) { s.Rooms, s.RoomsPerClient, s.Publishers = 8, 2, 3 }},
		{"mesh, 70 KB", meshServers, func(s *Settings) { s.Size = 70_000; s.Clients, s.Window = 4, 4 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := few(Throughput)
			c.change(&s)
			r := measure(t, c.urls(t), s)
			if r.Deliveries <= 0 || r.ClientCPU <= 0 || r.Latency == nil || r.Latency.Count != r.DeliveryCount {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestLatency(t *testing.T) {
	urls := baselineServer(t)
	r := measure(t, urls, few(Latency))
	for range 4 { // a machine that stands still for a moment changes the rate of so short a run
		if r.Messages >= 50 && r.Messages <= 150 {
			break
		}
		r = measure(t, urls, few(Latency))
	}
	if r.Messages < 50 || r.Messages > 150 {
		t.Errorf("%v messages/s, want about 100", r.Messages)
	}
	if p := r.Latency; p == nil || p.P50 <= 0 || p.P50 > p.P90 || p.P90 > p.P99 || p.P99 > p.P999 || p.P999 > p.Max {
		t.Errorf("latency %+v", r.Latency)
	}
}

func TestRequests(t *testing.T) {
	r := measure(t, meshServers(t), few(Requests))
	if r.Requests == nil || r.Requests.Count == 0 || r.Wrong+r.Missing > 0 {
		t.Errorf("requests %+v, %d wrong, %d missing", r.Requests, r.Wrong, r.Missing)
	}
}

func TestIdle(t *testing.T) {
	s := few(Idle)
	s.Hold = 10 * time.Millisecond
	r := measure(t, baselineServer(t), s)
	if r.ConnectRate <= 0 || r.Ping == nil || r.Ping.Count == 0 || r.Last == nil || r.Last.Count != 2 {
		t.Errorf("%+v", r)
	}
}

// TestNobodyThere: the error says so, and soon.
func TestNobodyThere(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	_, err := Run(t.Context(), "urls", few(Throughput), &Setup{URLs: []string{gone.URL}, Descriptors: 1000})
	if err == nil {
		t.Error("no error")
	}
}
