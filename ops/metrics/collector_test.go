package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/ops/metrics"
	"github.com/socketmesh/mesh/socketio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a node that says what a test has it say.
type source struct{ stats func() core.Stats }

func (s source) Stats() core.Stats { return s.stats() }
func (source) ClientStats() socketio.ClientStats {
	return socketio.ClientStats{Sockets: 7, Rooms: 5, WebSocket: 4, Polling: 2, Connections: 9, Disconnections: 3, SlowRate: 1, Queued: 100, QueuedLimit: 1000}
}
func (source) Roster() core.RosterStatus {
	return core.RosterStatus{Heard: true, Endpoints: []core.DiscoveryEndpoint{
		{Name: "ws://d1:8000", Heard: true, Since: time.Unix(1e9, 0), Peers: 4}, {Name: "ws://d2:8000"},
	}}
}

func saying(s core.Stats) source { return source{func() core.Stats { return s }} }

// TestValues: each snapshot's number under the reference's names and labels.
func TestValues(t *testing.T) {
	node := saying(core.Stats{
		Version:        "v1.2.3",
		Namespaces:     2,
		Certificate:    time.Unix(2e9, 0),
		Expected:       make([]core.Peer, 3),
		Published:      map[core.Kind]core.Traffic{core.KindBroadcast: {Messages: 3, Bytes: 400}},
		Received:       map[core.Kind]core.Traffic{core.KindFetchSocketsResponse: {Messages: 1, Bytes: 50}, 0: {Messages: 2}},
		PublishedSizes: core.Histogram{Bounds: []float64{64, 256}, Counts: []uint64{1, 1, 1}, Sum: 400},
		RequestTimes:   map[core.Kind]core.Histogram{core.KindBroadcast: {Bounds: []float64{.5}, Counts: []uint64{1, 0}, Sum: .25}},
		PeerDrops:      map[string]uint64{"slow-consumer": 1, "silent": 0},
		RosterRefusals: map[string]uint64{"path": 6},
		Peers: []core.PeerStats{{PeerInfo: core.PeerInfo{ID: "b", Address: "ws://b:4000", Codec: "json", Version: 1},
			RoundTrip: 2 * time.Millisecond, LastRoundTrip: time.Millisecond, QueuedBytes: 10, Reconnects: 4, LinkSince: time.Unix(1e9, 0)}},
	})
	for name, want := range map[string]string{
		"peers_connected":  "gauge\nsocketio_mesh_peers_connected 1",
		"peers_expected":   "gauge\nsocketio_mesh_peers_expected 3",
		"namespaces":       "gauge\nsocketio_mesh_namespaces 2",
		"io_clients":       "gauge\nsocketio_mesh_io_clients 7",
		"peer_drops_total": "counter\nsocketio_mesh_peer_drops_total{reason=\"silent\"} 0\nsocketio_mesh_peer_drops_total{reason=\"slow-consumer\"} 1",
		"clients": "gauge\nsocketio_mesh_clients{transport=\"other\"} 0\nsocketio_mesh_clients{transport=\"polling\"} 2\n" +
			"socketio_mesh_clients{transport=\"websocket\"} 4",
		"roster_heard":                         "gauge\nsocketio_mesh_roster_heard 1",
		"certificate_expiry_timestamp_seconds": "gauge\nsocketio_mesh_certificate_expiry_timestamp_seconds 2e+09",
		"peer_round_trip_seconds":              "gauge\nsocketio_mesh_peer_round_trip_seconds{peer=\"b\"} 0.002",
		"peer_reconnects_total":                "counter\nsocketio_mesh_peer_reconnects_total{peer=\"b\"} 4",
		"peer_info":                            "gauge\nsocketio_mesh_peer_info{address=\"ws://b:4000\",codec=\"json\",peer=\"b\",protocol=\"1\",reference=\"false\"} 1",
	} {
		name = "socketio_mesh_" + name
		if err := testutil.CollectAndCompare(metrics.NewCollector(node), strings.NewReader("# TYPE "+name+" "+want+"\n"), name); err != nil && !onlyHelp(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := scrape(t, node)
	for _, line := range []string{
		`socketio_mesh_messages_sent_total{type="broadcast"} 3`,
		`socketio_mesh_messages_sent_total{type="sockets_leave_all"} 0`,
		`socketio_mesh_messages_received_total{type="fetch_sockets_response"} 1`,
		`socketio_mesh_messages_received_total{type="unknown"} 2`,
		`socketio_mesh_message_bytes_bucket{direction="sent",le="256"} 2`,
		`socketio_mesh_message_bytes_bucket{direction="sent",le="+Inf"} 3`,
		`socketio_mesh_message_bytes_sum{direction="sent"} 400`,
		`socketio_mesh_request_duration_seconds_count{kind="broadcastWithAck"} 1`,
		`socketio_mesh_clients_cut_total{reason="rate"} 1`,
		`socketio_mesh_roster_refused_total{reason="path"} 6`,
		`socketio_mesh_discovery_endpoint_up{endpoint="ws://d1:8000"} 1`,
		`socketio_mesh_discovery_endpoint_up{endpoint="ws://d2:8000"} 0`,
		`socketio_mesh_discovery_endpoint_servers{endpoint="ws://d1:8000"} 4`,
		`socketio_mesh_discovery_endpoint_since_timestamp_seconds{endpoint="ws://d1:8000"} 1e+09`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

// onlyHelp tells that texts differ in the help alone, which this test does not repeat.
func onlyHelp(err error) bool {
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); (strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+")) && !strings.HasPrefix(line[1:], "# HELP") {
			return false
		}
	}
	return true
}

func scrape(t *testing.T, node source) string {
	t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(node).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestHostilePeers: whatever peers call themselves, and however many there are, a scrape
// is whole and bounded.
func TestHostilePeers(t *testing.T) {
	stats := core.Stats{}
	for _, id := range []string{"\xff", "\xfe", "\"\\\n", strings.Repeat("x", core.MaxIDLength)} {
		stats.Peers = append(stats.Peers, core.PeerStats{PeerInfo: core.PeerInfo{ID: id, Address: "\xff", Codec: id}})
	}
	if text := scrape(t, saying(stats)); strings.Count(text, "socketio_mesh_peer_info{") != len(stats.Peers) {
		t.Error("not all of them are there")
	}
	for i := range 3000 {
		stats.Peers = append(stats.Peers, core.PeerStats{PeerInfo: core.PeerInfo{ID: fmt.Sprint(i)}})
	}
	text := scrape(t, saying(stats))
	if n := strings.Count(text, "socketio_mesh_peer_info{"); n != 1000 || !strings.Contains(text, "socketio_mesh_peers_connected 3004\n") {
		t.Errorf("%d peers have series", n)
	}
}

// TestScrapesAtOnce: several at once, while peers come and go; those that have gone have
// no series any more.
func TestScrapesAtOnce(t *testing.T) {
	var round atomic.Int64
	node := source{func() core.Stats {
		var s core.Stats
		for i := range round.Add(1) % 4 {
			s.Peers = append(s.Peers, core.PeerStats{PeerInfo: core.PeerInfo{ID: fmt.Sprint(i)}})
		}
		return s
	}}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.NewCollector(node))
	var scrapers sync.WaitGroup
	for range 4 {
		scrapers.Go(func() {
			for range 10 {
				if _, err := registry.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	scrapers.Wait()
	round.Store(3)
	if n := testutil.CollectAndCount(metrics.NewCollector(node), "socketio_mesh_peer_info"); n != 0 {
		t.Errorf("%d peers that have gone have series", n)
	}
}

// TestLint: names and helps as Prometheus wants them.
func TestLint(t *testing.T) {
	node := saying(core.Stats{Peers: []core.PeerStats{{PeerInfo: core.PeerInfo{ID: "b"}, LastRoundTrip: 1}}})
	for _, c := range []prometheus.Collector{metrics.NewCollector(node), metrics.NewDiscoveryCollector(service.NewServer(service.ServerOptions{}))} {
		problems, err := testutil.CollectAndLint(c)
		if err != nil {
			t.Error(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
