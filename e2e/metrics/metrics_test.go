package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/ops/metrics"
	"github.com/socketmesh/mesh/socketio"
)

const deploy = "../../deploy/"

// tool finds a program of Prometheus, which tools/setup.sh installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s is not installed", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// server is one of a mesh, with its metrics.
type server struct {
	mesh *mesh.Mesh
	io   *socket.Server
	http *httptest.Server
}

// start runs a discovery service and three servers, and waits until they have met.
func start(t *testing.T) (servers []*server, discovery *httptest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	registry := service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0"})
	if err := registry.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Shutdown(context.Background()) })
	for range 3 {
		m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", Advertise: "ws://127.0.0.1:0", DiscoveryAddress: "ws://" + registry.Addr(),
			HeartbeatInterval: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		options := socket.DefaultServerOptions()
		options.SetAdapter(m.Adapter())
		io := socket.NewServer(nil, options)
		if err := m.Start(ctx); err != nil {
			t.Fatal(err)
		}
		s := &server{m, io, httptest.NewServer(metrics.Handler(m))}
		t.Cleanup(func() {
			s.http.Close()
			io.Close(nil)
			if err := m.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		servers = append(servers, s)
	}
	for _, s := range servers {
		await.Condition(t, "the servers meet", func() bool { return socketio.Of(s.io.Sockets()).ServerCount() == 3 })
		await.Condition(t, "a round trip", func() bool {
			stats := s.mesh.Stats()
			return len(stats.Peers) == 2 && stats.Peers[0].LastRoundTrip > 0 && stats.Peers[1].LastRoundTrip > 0
		})
	}
	discovery = httptest.NewServer(metrics.DiscoveryHandler(registry))
	t.Cleanup(discovery.Close)
	return servers, discovery
}

func get(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v", address, response.Status, err)
	}
	return string(body)
}

// value is that of a series in a scrape; NaN text if there is none.
func value(text, series string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "none"
}

// TestScrape: three servers and their discovery service say what has happened, in a form
// that promtool finds no fault with, under all names that the dashboard and the rules use.
func TestScrape(t *testing.T) {
	servers, discovery := start(t)
	for range 5 {
		servers[0].io.Emit("news", "x")
	}
	if _, err := socketio.Of(servers[0].io.Sockets()).FetchSockets(context.Background(), core.Target{}).Wait(); err != nil {
		t.Fatal(err)
	}
	text := make([]string, len(servers))
	for i, s := range servers {
		text[i] = get(t, s.http.URL)
	}
	for _, c := range []struct {
		server       int
		series, want string
	}{
		{0, `socketio_mesh_peers_connected`, "2"},
		{0, `socketio_mesh_peers_expected`, "2"},
		{0, `socketio_mesh_messages_sent_total{type="broadcast"}`, "5"},
		{1, `socketio_mesh_messages_received_total{type="broadcast"}`, "5"},
		{2, `socketio_mesh_messages_received_total{type="broadcast"}`, "5"},
		{0, `socketio_mesh_request_duration_seconds_count{kind="fetchSockets"}`, "1"},
		{1, `socketio_mesh_namespaces`, "1"},
		{1, `socketio_mesh_roster_heard`, "1"},
		{2, `socketio_mesh_peer_drops_total{reason="slow-consumer"}`, "0"},
	} {
		if got := value(text[c.server], c.series); got != c.want {
			t.Errorf("server %d: %s is %s, want %s", c.server, c.series, got, c.want)
		}
	}
	registry := get(t, discovery.URL)
	if got := value(registry, "socketio_mesh_discovery_servers_registered"); got != "3" {
		t.Errorf("%s servers are registered", got)
	}

	all := text[0] + registry
	for _, file := range []string{"grafana/dashboard.json", "prometheus/alerts.yml"} {
		content, err := os.ReadFile(deploy + file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`socketio_mesh_[a-z_]+`).FindAllString(string(content), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range names {
			if strings.HasPrefix(name, "socketio_mesh_certificate_") {
				continue // these servers have none
			}
			if !strings.Contains(all, "\n"+name+"{") && !strings.Contains(all, "\n"+name+" ") {
				t.Errorf("%s names %s, which is not in a scrape", file, name)
			}
		}
	}

	promtool := tool(t, "promtool")
	for _, scraped := range []string{text[0], registry} {
		check := exec.Command(promtool, "check", "metrics")
		check.Stdin = strings.NewReader(scraped)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool check metrics: %v\n%s", err, out)
		}
	}
}

// TestReferenceDashboard: the queries of the dashboard that the reference publishes find
// what they look for, of a Prometheus that scrapes three servers and their discovery.
func TestReferenceDashboard(t *testing.T) {
	program := tool(t, "prometheus")
	servers, discovery := start(t)
	dir := t.TempDir()
	var targets []string
	for _, s := range servers {
		targets = append(targets, "'"+strings.TrimPrefix(s.http.URL, "http://")+"'")
	}
	config := fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n- job_name: socketio-mesh\n  static_configs: [{targets: [%s]}]\n"+
		"- job_name: socketio-mesh-discovery\n  static_configs: [{targets: ['%s']}]\n", strings.Join(targets, ","), strings.TrimPrefix(discovery.URL, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	for _, query := range []string{
		`socketio_mesh_peers_connected{job="socketio-mesh"} == 2`,
		`sum(socketio_mesh_peers_connected) / clamp_min(sum(socketio_mesh_peers_expected), 1) == 1`,
		`socketio_mesh_discovery_servers_registered == 3`,
		`sum by (type) (rate(socketio_mesh_messages_sent_total[1m]))`,
		`sum by (le, kind) (rate(socketio_mesh_request_duration_seconds_bucket[5m]))`,
		`histogram_quantile(0.95, sum by (le, direction) (rate(socketio_mesh_message_bytes_bucket[5m])))`,
		`increase(socketio_mesh_peer_drops_total[5m])`,
		`socketio_mesh_io_clients{job="socketio-mesh"}`,
	} {
		await.Condition(t, "an answer to "+query, func() bool { return answered(address, query) })
	}
}

// answered asks Prometheus, and tells whether there is an answer.
func answered(address, query string) bool {
	response, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return false // it has not started yet
	}
	defer response.Body.Close()
	var answer struct {
		Data struct{ Result []json.RawMessage }
	}
	return json.NewDecoder(response.Body).Decode(&answer) == nil && len(answer.Data.Result) > 0
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestRules: the alert rules are valid, and fire when they should, and only then.
func TestRules(t *testing.T) {
	promtool := tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", deploy + "prometheus/alerts.yml"},
		{"test", "rules", "testdata/alerts_test.yml"},
	} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
