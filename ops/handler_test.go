package ops_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops"
)

var allRoutes = []string{"GET /metrics", "GET /api/v1/node", "GET /api/v1/cluster", "GET /api/v1/rooms", "GET /api/v1/sockets", "GET /api/v1/explain?room=r", "POST /api/v1/emit", "POST /api/v1/drain", "GET /debug/pprof/", "GET /debug/pprof/heap"}

func tokens(list ...string) func() []string { return func() []string { return list } }

// TestTokens: everything but health checks wants the secret, or a certificate.
func TestTokens(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("up 1\n")) })
	h := fakes(t, ops.Options{Tokens: tokens("old", "new"), Pprof: true, Metrics: metrics}, "a")["a"].handler
	for _, route := range allRoutes {
		method, target, _ := strings.Cut(route, " ")
		for header, in := range map[string]bool{"": false, "Bearer ": false, "Bearer wrong": false, "Basic bmV3": false, "Bearer old": true, "bearer new": true, "Bearer newer": false} {
			w := call(t, h, method, target, "{}", nil, "Authorization", header)
			if (w.Code != http.StatusUnauthorized) != in {
				t.Errorf("%s with %q: %d", route, header, w.Code)
			}
			if !in && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: does not say what is wanted", route)
			}
		}
	}
	if n := h.Refused(); n != uint64(5*len(allRoutes)) {
		t.Errorf("%d refusals are counted", n)
	}
	for _, target := range []string{"/healthz", "/readyz"} {
		if w := call(t, h, "GET", target, "", nil); w.Code != http.StatusOK {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	closed := fakes(t, ops.Options{Tokens: tokens("x"), ProtectHealth: true}, "a")["a"].handler
	if w := call(t, closed, "GET", "/healthz", "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("protected health: %d", w.Code)
	}
}

func TestCertificates(t *testing.T) {
	good := &x509.Certificate{Raw: []byte("good")}
	verify := func(s *tls.ConnectionState) error {
		if s.PeerCertificates[0] != good {
			return errors.New("of another authority")
		}
		return nil
	}
	for _, o := range []ops.Options{{VerifyClient: verify}, {VerifyClient: verify, Tokens: tokens("x")}} {
		h := fakes(t, o, "a")["a"].handler
		for i, shown := range [][]*x509.Certificate{{good}, {{}}, nil} {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/node", nil)
			r.TLS = &tls.ConnectionState{PeerCertificates: shown}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if (w.Code == http.StatusOK) != (i == 0) {
				t.Errorf("certificate %d: %d %s", i, w.Code, w.Body)
			}
		}
	}
}

// TestTokensChange: the tokens of the moment count, and where there is none, none is
// right.
func TestTokensChange(t *testing.T) {
	var now []string
	h := fakes(t, ops.Options{Tokens: func() []string { return now }}, "a")["a"].handler
	for _, now = range [][]string{{"old"}, {"new", "old"}, {"new"}, {""}, nil} {
		for _, token := range []string{"old", "new", ""} {
			w := call(t, h, "GET", "/api/v1/node", "", nil, "Authorization", "Bearer "+token)
			if in := token != "" && slices.Contains(now, token); (w.Code == http.StatusOK) != in {
				t.Errorf("token %q where %q are right: %d", token, now, w.Code)
			}
		}
	}
}

// TestClients: a node tells of its clients, if somebody counts them.
func TestClients(t *testing.T) {
	want := ops.Clients{WebSocket: 3, Polling: 2, Upgrading: 1, Other: 1, Connections: 9, Disconnections: 3}
	for _, o := range []ops.Options{{Clients: func() ops.Clients { return want }}, {}} {
		var c ops.Cluster
		call(t, fakes(t, o, "a", "b")["a"].handler, "GET", "/api/v1/cluster", "", &c)
		for _, n := range c.Nodes {
			if o.Clients == nil && n.Clients != nil || o.Clients != nil && (n.Clients == nil || *n.Clients != want) {
				t.Errorf("%s: %+v", n.ID, n.Clients)
			}
		}
	}
}

// TestReady: each check that fails is named, and nothing else.
func TestReady(t *testing.T) {
	for name, c := range map[string]struct {
		links   int
		change  func(*fake)
		failing []string
	}{
		"all is well":           {100, func(*fake) {}, nil},
		"not started":           {50, func(f *fake) { f.state.Listening = false }, []string{"listening"}},
		"nothing of discovery":  {50, func(f *fake) { f.state.Discovered = time.Time{}; f.stats, f.roster = core.Stats{}, core.RosterStatus{} }, []string{"discovery"}},
		"peers come without it": {50, func(f *fake) { f.state.Discovered = time.Time{}; f.roster = core.RosterStatus{} }, nil},
		"no discovery": {50, func(f *fake) {
			f.state.Discovered, f.state.Discovery = time.Time{}, ""
			f.stats, f.roster = core.Stats{}, core.RosterStatus{}
		}, nil},
		"half is enough": {0, func(f *fake) { f.unlink("b") }, nil},
		"less than half": {0, func(f *fake) { f.unlink("b"); f.unlink("c") }, []string{"peers"}},
		"all are wanted": {100, func(f *fake) { f.unlink("b") }, []string{"peers"}},
		"none is wanted": {ops.NoReadyLinks, func(f *fake) { f.unlink("b"); f.unlink("c") }, nil},
		"draining":       {50, func(f *fake) { f.draining.Store(true) }, []string{"draining"}},
		"everything":     {50, func(f *fake) { f.draining.Store(true); f.state.Listening = false; f.unlink("b"); f.unlink("c") }, []string{"listening", "peers", "draining"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := fakes(t, ops.Options{ReadyLinks: c.links}, "a", "b", "c")["a"]
			c.change(f)
			var health ops.Health
			w := call(t, f.handler, "GET", "/readyz", "", &health)
			if !slices.Equal(health.Failing, c.failing) || (w.Code == http.StatusOK) != (c.failing == nil) || len(health.Checks) != 4 {
				t.Errorf("%d %+v, want %v", w.Code, health, c.failing)
			}
			var named []string
			if bad, ok := errors.AsType[*core.NotReadyError](f.handler.Ready()); ok {
				for _, check := range bad.Failed {
					named = append(named, check.Name)
				}
			}
			if want := slices.DeleteFunc(slices.Clone(c.failing), func(name string) bool { return name == "draining" }); !slices.Equal(named, want) {
				t.Errorf("Ready names %v, want %v", named, want)
			}
			if w := call(t, f.handler, "GET", "/healthz", "", nil); w.Code != http.StatusOK {
				t.Errorf("not live: %d", w.Code)
			}
			if text := w.Body.String(); strings.Contains(text, "ws://") {
				t.Errorf("addresses are shown to all: %s", text)
			}
		})
	}
}

// TestBadRequests: each says which parameter is wrong, and what is allowed.
func TestBadRequests(t *testing.T) {
	h := fakes(t, ops.Options{Writable: true}, "a")["a"].handler
	for _, c := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "/api/v1/rooms?limit=0", "", 400, `limit: "0" is not allowed: want a number, 1 to 1000`},
		{"GET", "/api/v1/rooms?limit=1001", "", 400, "limit"},
		{"GET", "/api/v1/rooms?limit=many", "", 400, "limit"},
		{"GET", "/api/v1/rooms?sort=luck", "", 400, "size or name"},
		{"GET", "/api/v1/rooms?after=x&sort=name", "", 400, "after"},
		{"GET", "/api/v1/rooms?after=WyIvIiwieCJd", "", 400, "sort=name"},
		{"GET", "/api/v1/rooms?patern=x", "", 400, `no parameter "patern"`},
		{"GET", "/api/v1/rooms?pattern=" + strings.Repeat("*", 257), "", 400, "256 bytes"},
		{"GET", "/api/v1/rooms?pattern=" + strings.Repeat("a", 9000), "", 414, "too long"},
		{"GET", "/api/v1/sockets?after=%ff", "", 400, "after"},
		{"GET", "/api/v1/sockets?x;y", "", 400, "query"},
		{"GET", "/api/v1/node?node=z", "", 404, "no such server"},
		{"GET", "/api/v1/cluster?x=1", "", 400, "no parameter"},
		{"GET", "/api/v1/nothing", "", 404, ""},
		{"POST", "/api/v1/node", "", 405, ""},
		{"GET", "/api/v1/emit", "", 405, ""},
		{"POST", "/api/v1/emit", "", 400, "body"},
		{"POST", "/api/v1/emit", `{"event":1}`, 400, "body"},
		{"POST", "/api/v1/emit", `{"event":"x"} {}`, 400, "more than one"},
		{"POST", "/api/v1/emit", `{"event":"x","evnt":"y"}`, 400, "evnt"},
		{"POST", "/api/v1/emit", `{}`, 400, "event: want a name"},
		{"POST", "/api/v1/emit", `{"event":"disconnect"}`, 400, "keeps that name"},
		{"POST", "/api/v1/emit", `{"event":"x","namespace":"/none"}`, 404, "not open"},
		{"POST", "/api/v1/emit", `{"event":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "too large"},
		{"POST", "/api/v1/drain", `{"rate":-1}`, 400, "rate"},
		{"POST", "/api/v1/drain", `{"node":"z"}`, 404, "no such server"},
	} {
		var failure ops.Failure
		into := any(&failure)
		if c.want == "" {
			into = nil
		}
		w := call(t, h, c.method, c.target, c.body, into)
		if w.Code != c.status || !strings.Contains(failure.Error, c.want) {
			t.Errorf("%s %.80s %.80s: %d %q, want %d %q", c.method, c.target, c.body, w.Code, failure.Error, c.status, c.want)
		}
	}
}

// TestReadOnly: looking is all that is allowed by default, here and on others.
func TestReadOnly(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b")
	for _, target := range []string{"/api/v1/emit", "/api/v1/drain"} {
		if w := call(t, nodes["a"].handler, "POST", target, `{}`, nil); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "MESH_OPS_WRITABLE") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	writable := fakes(t, ops.Options{Writable: true}, "c")["c"]
	writable.link(nodes["b"])
	if w := call(t, writable.handler, "POST", "/api/v1/drain", `{"node":"b"}`, nil); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "read-only") {
		t.Errorf("drain of another: %d %s", w.Code, w.Body)
	}
	if nodes["b"].Draining() {
		t.Error("it was drained")
	}
}

// TestIndex: / lists the routes, and what is not there says where one is.
func TestIndex(t *testing.T) {
	discovery := ops.NewDiscoveryHandler(registered{}, ops.Options{Tokens: tokens("x")})
	for what, h := range map[string]http.Handler{
		"a server of a mesh":  fakes(t, ops.Options{Tokens: tokens("x"), Pprof: true}, "a")["a"].handler,
		"a discovery service": discovery,
	} {
		w := call(t, h, "GET", "/", "", nil)
		if text := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(text, what) || !strings.Contains(text, "GET /readyz\n") || !strings.Contains(text, "GET /api/v1/") {
			t.Errorf("%d %s", w.Code, text)
		}
		for _, route := range []string{"GET /api/v1/clutser", "GET /api/v2/node", "DELETE /api/"} {
			method, target, _ := strings.Cut(route, " ")
			var failure ops.Failure
			if w := call(t, h, method, target, "", &failure); w.Code != http.StatusNotFound || !strings.Contains(failure.Error, what) {
				t.Errorf("%s: %d %s", route, w.Code, w.Body)
			}
		}
		if w := call(t, h, "GET", "/elsewhere", "", nil); w.Code != http.StatusNotFound {
			t.Errorf("elsewhere: %d", w.Code)
		}
	}
	closed := ops.NewDiscoveryHandler(registered{}, ops.Options{Tokens: tokens("x"), ProtectHealth: true})
	if w := call(t, closed, "GET", "/", "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("everything is protected: %d", w.Code)
	}
}

// TestOtherSites: a page of another site cannot act in an operator's browser.
func TestOtherSites(t *testing.T) {
	h := fakes(t, ops.Options{Writable: true}, "a")["a"].handler
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Origin", "https://evil.example"},
		{"Content-Type", "text/plain"},
	} {
		if w := call(t, h, "POST", "/api/v1/drain", "{}", nil, headers...); w.Code != http.StatusForbidden && w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%v: %d", headers, w.Code)
		}
	}
}

// TestDrain: any node can be named; it begins once, and ends with the handler.
func TestDrain(t *testing.T) {
	nodes := fakes(t, ops.Options{Writable: true}, "a", "b")
	var d ops.Drained
	if w := call(t, nodes["a"].handler, "POST", "/api/v1/drain", `{"node":"b","rate":7}`, &d); w.Code != http.StatusAccepted || d.Node != "b" || d.Already {
		t.Fatalf("%d %+v", w.Code, d)
	}
	if rate := <-nodes["b"].drained; rate != 7 {
		t.Errorf("rate %d", rate)
	}
	call(t, nodes["a"].handler, "POST", "/api/v1/drain", `{"node":"b"}`, &d)
	if !d.Already || nodes["a"].Draining() {
		t.Errorf("again: %+v", d)
	}
	call(t, nodes["a"].handler, "POST", "/api/v1/drain", `{}`, &d)
	if <-nodes["a"].drained; d.Node != "a" {
		t.Errorf("without a name: %+v", d)
	}
}

// emitted is an adapter that notes what is broadcast.
type emitted struct {
	core.Adapter
	events []string
	to     core.Target
}

func (e *emitted) ServerCount() int { return 3 }
func (e *emitted) Broadcast(event core.Payload, to core.Target) {
	e.events, e.to = append(e.events, string(event.Text)), to
}

func TestEmit(t *testing.T) {
	f := fakes(t, ops.Options{Writable: true}, "a")["a"]
	e := &emitted{}
	f.open(&space{}, e)
	var answer ops.Emitted
	w := call(t, f.handler, "POST", "/api/v1/emit", `{"event":"ne\"ws","args":[ 1.50, {"a": [true, "<x>"]}, 12345678901234567890 ],"rooms":["r"],"except":["s"]}`, &answer)
	if w.Code != http.StatusAccepted || answer.Servers != 3 || answer.Namespace != "/" {
		t.Errorf("%d %+v", w.Code, answer)
	}
	if want := []string{`["ne\"ws",1.50,{"a":[true,"<x>"]},12345678901234567890]`}; !slices.Equal(e.events, want) || !slices.Equal(e.to.Rooms, []string{"r"}) || !slices.Equal(e.to.Except, []string{"s"}) {
		t.Errorf("sent %q to %+v", e.events, e.to)
	}
}

// TestTooManyAtOnce: those who would be too many are told to come again, and health is
// answered meanwhile.
func TestTooManyAtOnce(t *testing.T) {
	nodes := fakes(t, ops.Options{Timeout: 20 * time.Second}, "a", "b")
	nodes["b"].hung = true
	ctx, cancel := context.WithCancel(t.Context())
	const most = 16
	codes := make(chan int, 2*most)
	for range 2 * most {
		go func() {
			w := httptest.NewRecorder()
			nodes["a"].handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/api/v1/rooms", nil))
			codes <- w.Code
		}()
	}
	for range most {
		if code := <-codes; code != http.StatusServiceUnavailable {
			t.Errorf("one too many got %d", code)
		}
	}
	if w := call(t, nodes["a"].handler, "GET", "/readyz", "", nil); w.Code != http.StatusOK {
		t.Errorf("ready: %d", w.Code)
	}
	cancel()
	for range most {
		<-codes
	}
	var n ops.Node
	if call(t, nodes["a"].handler, "GET", "/api/v1/node", "", &n); n.Counters.BusyOperators != most {
		t.Errorf("%d are counted", n.Counters.BusyOperators)
	}
}

func TestPprof(t *testing.T) {
	h := fakes(t, ops.Options{Pprof: true}, "a")["a"].handler
	for target, want := range map[string]int{
		"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/heap": 200, "/debug/pprof/profile?seconds=0.05": 200,
		"/debug/pprof/trace?seconds=0.05": 200, "/debug/pprof/secrets": 404, "/debug/pprof/cmdline": 404, "/debug/pprof/profile?seconds=1e9": 400, "/debug/pprof/profile?seconds=NaN": 400,
	} {
		if w := call(t, h, "GET", target, "", nil); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
	if w := call(t, fakes(t, ops.Options{}, "a")["a"].handler, "GET", "/debug/pprof/heap", "", nil); w.Code != 404 {
		t.Errorf("not asked for: %d", w.Code)
	}
}

func TestOptions(t *testing.T) {
	for field, o := range map[string]ops.Options{"Tokens[1]": {Tokens: tokens("x", "")}, "ReadyLinks": {ReadyLinks: 101}, "Timeout": {Timeout: time.Minute}} {
		if bad, ok := errors.AsType[*core.ConfigError](o.Validate()); !ok || bad.Field != field {
			t.Errorf("%s: %v", field, bad)
		}
	}
}

type registered struct {
	addr  string
	peers []core.Peer
}

func (r registered) Addr() string       { return r.addr }
func (r registered) Peers() []core.Peer { return r.peers }

// TestDiscoveryEndpoints: operators see each endpoint of discovery. Everybody else is told
// how many are silent.
func TestDiscoveryEndpoints(t *testing.T) {
	f := fakes(t, ops.Options{Tokens: tokens("x")}, "a", "b")["a"]
	last := time.Unix(1e9, 0)
	f.roster.Endpoints = []core.DiscoveryEndpoint{
		{Name: "ws://d1:8000", Heard: true, Since: last, Last: last, Peers: 2},
		{Name: "ws://d2:8000", Since: last, Err: errors.New("connection refused")},
	}
	var health ops.Health
	call(t, f.handler, "GET", "/readyz", "", &health)
	if detail := health.Checks[1].Detail; !health.Checks[1].OK || !strings.Contains(detail, "1 of 2 that it asks do not answer") || strings.Contains(detail, "ws://") {
		t.Errorf("the check says %q", detail)
	}
	var n ops.Node
	call(t, f.handler, "GET", "/api/v1/node", "", &n, "Authorization", "Bearer x")
	if len(n.Endpoints) != 2 || !n.Endpoints[0].Heard || n.Endpoints[0].Servers != 2 || n.Endpoints[0].Last == nil ||
		n.Endpoints[1].Heard || n.Endpoints[1].Error != "connection refused" || n.Endpoints[1].Last != nil {
		t.Errorf("endpoints are %+v", n.Endpoints)
	}
}

func TestDiscoveryHandler(t *testing.T) {
	h := ops.NewDiscoveryHandler(registered{"127.0.0.1:8000", []core.Peer{{ID: "a", Address: "ws://a"}, {ID: "b\x1b", Address: "ws://b"}}}, ops.Options{Tokens: tokens("x")})
	var s ops.Servers
	if w := call(t, h, "GET", "/api/v1/servers?limit=1", "", &s, "Authorization", "Bearer x"); w.Code != 200 || s.Total != 2 || len(s.Servers) != 1 || s.Servers[0] != (ops.Server{ID: "a", Address: "ws://a"}) {
		t.Errorf("%d %+v", w.Code, s)
	}
	if w := call(t, h, "GET", "/api/v1/servers", "", nil); w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
	if w := call(t, h, "GET", "/readyz", "", nil); w.Code != 200 {
		t.Errorf("ready: %d", w.Code)
	}
	if w := call(t, ops.NewDiscoveryHandler(registered{}, ops.Options{}), "GET", "/readyz", "", nil); w.Code != 503 {
		t.Errorf("not started: %d", w.Code)
	}
}
