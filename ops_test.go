package mesh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/static"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/transport/mem"
)

// opsMesh are servers with a port for operators each.
func opsMesh(t *testing.T, names string, change func(name string, c *mesh.Config)) map[string]*mesh.Mesh {
	t.Helper()
	network, roster := mem.NewNetwork(), coretest.NewRoster()
	all := map[string]*mesh.Mesh{}
	for _, name := range strings.Fields(names) {
		c := mesh.Config{OpsListen: "127.0.0.1:0"}
		if change != nil {
			change(name, &c)
		}
		m, err := mesh.New(c, mesh.WithTransport(network.Transport(name)), mesh.WithDiscovery(roster.Discovery()))
		if err != nil {
			t.Fatal(err)
		}
		io := serverWith(m.Adapter())
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			io.Close(nil)
			if err := m.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		all[name] = m
	}
	for _, m := range all {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := m.WaitForPeers(ctx, len(all)-1); err != nil {
			t.Fatalf("%s has peers %v: %v", m.ID(), m.Peers(), err)
		}
		cancel()
	}
	return all
}

// ask sends an operator's request, and decodes the answer into v, if v is not nil.
func ask(t *testing.T, method, url, token, body string, v any) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			t.Fatalf("%s %s: %d %v\n%s", method, url, response.StatusCode, err, text)
		}
	}
	return response.StatusCode
}

// TestOps: each server answers for all, on a port that comes and goes with it.
func TestOps(t *testing.T) {
	servers := opsMesh(t, "a b c", func(_ string, c *mesh.Config) { c.AuthToken = "secret" })
	var ids []string
	for _, m := range servers {
		ids = append(ids, m.ID())
	}
	slices.Sort(ids)
	for name, m := range servers {
		url := "http://" + m.OpsAddr()
		if status := ask(t, "GET", url+"/api/v1/cluster", "", "", nil); status != http.StatusUnauthorized {
			t.Errorf("without a token: %d", status)
		}
		var health ops.Health
		if status := ask(t, "GET", url+"/readyz", "", "", &health); status != http.StatusOK || health.ID != m.ID() {
			t.Errorf("ready: %d %+v", status, health)
		}
		var c ops.Cluster
		if status := ask(t, "GET", url+"/api/v1/cluster", "secret", "", &c); status != http.StatusOK {
			t.Fatalf("cluster: %d", status)
		}
		var told []string
		for _, n := range c.Nodes {
			told = append(told, n.ID)
			if len(n.Peers) != 2 || !n.Ready || n.Settings["AuthToken"] != "(set)" {
				t.Errorf("%s, of %s: %+v", n.ID, name, n)
			}
		}
		if !c.Whole || !slices.Equal(told, ids) || c.AnsweredBy != m.ID() {
			t.Errorf("%s: whole %t, nodes %v, want %v; %+v", name, c.Whole, told, ids, c.Problems)
		}
	}
	if status := ask(t, "GET", "http://"+servers["a"].OpsAddr()+"/metrics", "secret", "", nil); status != http.StatusNotFound {
		t.Errorf("metrics: %d", status)
	}
	if status := ask(t, "POST", "http://"+servers["a"].OpsAddr()+"/api/v1/emit", "secret", `{"event":"x"}`, nil); status != http.StatusForbidden {
		t.Errorf("emit: %d", status)
	}
}

// TestOpsPortIsTaken: a server that cannot serve operators does not start.
func TestOpsPortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	network := mem.NewNetwork()
	m, err := mesh.New(mesh.Config{OpsListen: taken.Addr().String()}, mesh.WithTransport(network.Transport("a")), mesh.WithDiscovery(coretest.NewRoster().Discovery()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("start: %v", err)
	}
	if err := m.Start(t.Context()); !errors.Is(err, core.ErrClosed) {
		t.Errorf("it can be started again: %v", err)
	}
	if err := m.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestWithMetrics: the part that knows of metrics is handed the mesh, and served.
func TestWithMetrics(t *testing.T) {
	m, err := mesh.New(mesh.Config{OpsListen: "127.0.0.1:0"}, mesh.WithTransport(mem.NewNetwork().Transport("a")), mesh.WithDiscovery(coretest.NewRoster().Discovery()),
		mesh.WithMetrics(func(source ops.Source) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%q", source.ID()) })
		}))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer m.Shutdown(context.Background())
	var id string
	if status := ask(t, "GET", "http://"+m.OpsAddr()+"/metrics", "", "", &id); status != http.StatusOK || id != m.ID() {
		t.Errorf("%d %q", status, id)
	}
}

// TestUseMetrics does the same in an fx application.
func TestUseMetrics(t *testing.T) {
	var m *mesh.Mesh
	app := fxtest.New(t, fx.NopLogger, mesh.Module, fx.Supply(mesh.Config{Listen: "127.0.0.1:0", Discovery: mesh.DiscoveryStatic, OpsListen: "127.0.0.1:0"}), fx.Populate(&m),
		mesh.UseMetrics(func(source ops.Source) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%q", source.ID()) })
		}))
	app.RequireStart()
	defer app.RequireStop()
	var id string
	if status := ask(t, "GET", "http://"+m.OpsAddr()+"/metrics", "", "", &id); status != http.StatusOK || id != m.ID() {
		t.Errorf("%d %q", status, id)
	}
}

// TestSettingsHaveNoSecrets: whatever field a configuration gets, its name says
// whether its value may be shown.
func TestSettingsHaveNoSecrets(t *testing.T) {
	const secret = "hunter2"
	var c mesh.Config
	v := reflect.ValueOf(&c).Elem()
	secrets := 0
	for field, value := range v.Fields() {
		if strings.Contains(field.Name, "Token") && !strings.HasSuffix(field.Name, "File") { // which excludes AuthToken, and is no secret
			secrets++
			switch {
			case value.Kind() == reflect.String:
				value.SetString(secret)
			case value.Kind() == reflect.Slice:
				value.Set(reflect.ValueOf([]string{secret + field.Name})) // tokens have to differ
			}
		}
	}
	c.OpsListen, c.Listen, c.Peers = "127.0.0.1:0", "a", []string{"mem://a", "mem://b"}
	c.AuthToken, c.OpsToken, c.AcceptToken = secret, secret, secret
	c.QueueBytes, c.ReplayBytes, c.MaxFrame, c.DrainTime = 16<<20, 8<<20, 100_000, 90*time.Second
	c.AllowReferencePeers = new(false)
	m, err := mesh.New(c, mesh.WithTransport(mem.NewNetwork().Transport("a")), mesh.WithDiscovery(coretest.NewRoster().Discovery()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer m.Shutdown(context.Background())
	var n ops.Node
	ask(t, "GET", "http://"+m.OpsAddr()+"/api/v1/node", secret, "", &n)
	if n.Settings["AuthToken"] != "(set)" || n.Settings["OpsToken"] != "(set)" || n.Settings["Peers"] != "mem://a mem://b" || secrets < 2 {
		t.Errorf("settings %v", n.Settings)
	}
	if n.Settings["QueueBytes"] != "16MiB" || n.Settings["ReplayBytes"] != "8MiB" || n.Settings["AllowReferencePeers"] != "false" || n.Settings["DrainTime"] != "1m30s" || !strings.HasSuffix(n.Settings["MaxFrame"], "KiB") {
		t.Errorf("settings as people write them: %v", n.Settings)
	}
	for value := range maps.Values(n.Settings) {
		if strings.Contains(value, secret) {
			t.Errorf("a secret is shown: %v", n.Settings)
		}
	}
}

// reports is a discovery that says when the mesh has its first roster.
type reports struct {
	core.Discovery
	reported chan struct{}
}

func (r reports) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	var once sync.Once
	return r.Discovery.Run(ctx, self, func(roster []core.Peer) {
		update(roster)
		once.Do(func() { close(r.reported) })
	})
}

// TestReadyLinks: the mesh and its ops handler agree on when a server is ready.
func TestReadyLinks(t *testing.T) {
	for links, ready := range map[int]bool{0: false, 100: false, -1: true} {
		peers := reports{static.New(static.Options{Peers: []string{"ws://127.0.0.1:1"}}), make(chan struct{})}
		m, err := mesh.New(mesh.Config{OpsReadyLinks: links, OpsListen: "127.0.0.1:0", Listen: "127.0.0.1:0"}, mesh.WithDiscovery(peers))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		await.End(t, peers.reported)
		status := ask(t, "GET", "http://"+m.OpsAddr()+"/readyz", "", "", nil)
		if (m.Ready() == nil) != ready || (status == http.StatusOK) != ready {
			t.Errorf("OpsReadyLinks %d: %v, %d", links, m.Ready(), status)
		}
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestAdminPageExplainsReasons: the page says of every reason that a node counts what it
// means.
func TestAdminPageExplainsReasons(t *testing.T) {
	m := opsMesh(t, "a", nil)["a"]
	response, err := http.Get("http://" + m.OpsAddr() + "/admin")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	stats := m.Stats()
	for what, counts := range map[string]map[string]uint64{
		"dropped": stats.DropReasons, "ignored": stats.IgnoreReasons, "refused": stats.RefusalReasons,
		"down": stats.PeerDrops, "roster": stats.RosterRefusals,
	} {
		for reason := range counts {
			if key := fmt.Sprintf("%q: [", what+"/"+reason); !strings.Contains(string(page), key) {
				t.Errorf("the page does not explain %s/%s", what, reason)
			}
		}
	}
}
