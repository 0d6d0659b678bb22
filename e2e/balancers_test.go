package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// balancers are programs of others with the configurations of deploy/.
var balancers = []struct {
	name  string
	file  string
	start func(t *testing.T, config string) // returns at once
	adapt func(config string) string        // to be run by a test
	loose func(config string) string        // and without stickiness
}{
	{
		name:  "nginx",
		file:  "../deploy/nginx/mesh.conf",
		start: runNginx,
		adapt: func(config string) string { return config },
		loose: func(config string) string { return without(config, `(?m)^    hash .*$`) },
	},
	{
		name:  "haproxy",
		file:  "../deploy/haproxy/haproxy.cfg",
		start: func(t *testing.T, config string) { runBalancer(t, "haproxy", "-db", "-f", config) },
		// The servers here answer checks at the port for clients.
		adapt: func(config string) string {
			return strings.Replace(without(config, ` port 4100`), "maxconn 50000", "maxconn 1000", 1) // and files are few
		},
		loose: func(config string) string {
			return strings.Replace(without(config, `(?m)^    cookie .*$`), "balance leastconn", "balance roundrobin", 1)
		},
	},
}

// without is text without the only part that matches.
func without(text, pattern string) string {
	found := regexp.MustCompile(pattern)
	if len(found.FindAllString(text, -1)) != 1 {
		panic(fmt.Sprintf("%q is not once in the configuration", pattern))
	}
	return found.ReplaceAllString(text, "")
}

// TestBalancers: the configurations of deploy/ let clients of all kinds in, keep each
// where its session is, and move none to a server that drains. Without stickiness,
// clients that poll fail as the documentation says.
func TestBalancers(t *testing.T) {
	t.Parallel()
	for _, b := range balancers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(b.name); err != nil {
				if os.Getenv("CI") == "" {
					t.Skipf("%s is not installed: run tools/setup.sh", b.name)
				}
				t.Fatal(err)
			}
			text, err := os.ReadFile(b.file)
			if err != nil {
				t.Fatal(err)
			}
			c := startCluster(t, goKind, []string{goKind, goKind, goKind}, nil)
			run := func(t *testing.T, config string) string {
				t.Helper()
				url, config := configure(t, c, b.adapt(config))
				b.start(t, config)
				awaitBalancer(t, url)
				return url
			}
			t.Run("without stickiness", func(t *testing.T) { unknownSession(t, run(t, b.loose(string(text)))) })
			url := run(t, string(text))
			t.Run("clients", func(t *testing.T) { connectThrough(t, c, url) })
			t.Run("drain", func(t *testing.T) { drainBehind(t, c, url) })
		})
	}
}

// configure puts the addresses of a test into a configuration, and returns where the
// balancer listens and the file.
func configure(t *testing.T, c *cluster, text string) (url, file string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	text = regexp.MustCompile(`(listen|bind) :?80\b`).ReplaceAllString(text, "$1 "+address)
	for i, s := range c.servers {
		name := fmt.Sprintf("server%d:3000", i+1)
		if !strings.Contains(text, name) {
			t.Fatalf("the configuration has no %s", name)
		}
		text = strings.ReplaceAll(text, name, strings.TrimPrefix(s.url, "http://"))
	}
	file = filepath.Join(t.TempDir(), "mesh.conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return "http://" + address, file
}

// runNginx runs nginx with a file for http {}.
func runNginx(t *testing.T, config string) {
	t.Helper()
	dir := filepath.Dir(config)
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s; ", kind, dir, kind)
	}
	main := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off; master_process off; pid %s/pid; error_log stderr warn;\nevents {}\nhttp { access_log off; %s include %s; }\n", dir, temp.String(), config)
	if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	runBalancer(t, "nginx", "-p", dir, "-e", "stderr", "-c", main)
}

func runBalancer(t *testing.T, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	var log procs.Log
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", command[0], log.Tail())
		}
	})
}

func awaitBalancer(t *testing.T, url string) {
	t.Helper()
	procs.Eventually(t, askTime, func() error {
		answer, err := http.Get(url + "/readyz") // which any server answers
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", answer.Status)
		}
		return nil
	})
}

// poller is a client that polls, from an address of its own, and keeps cookies, as
// browsers do.
type poller struct {
	t      *testing.T
	client *http.Client
	url    string
	sid    string
}

func newPoller(t *testing.T, url string, number int) *poller {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(number))}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &poller{t: t, client: &http.Client{Jar: jar, Transport: transport, Timeout: askTime}, url: url + "/socket.io/?EIO=4&transport=polling"}
}

// do sends a request of the session, and returns the answer; 0 if there is none.
func (p *poller) do(method, packet string) (int, string) {
	url := p.url
	if p.sid != "" {
		url += "&sid=" + p.sid
	}
	request, err := http.NewRequest(method, url, strings.NewReader(packet))
	if err != nil {
		return 0, err.Error()
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}

// begin opens the session.
func (p *poller) begin() {
	p.t.Helper()
	status, body := p.do(http.MethodGet, "")
	_, rest, _ := strings.Cut(body, `"sid":"`)
	if p.sid, _, _ = strings.Cut(rest, `"`); status != http.StatusOK || p.sid == "" {
		p.t.Fatalf("the handshake was answered with %d %s", status, body)
	}
}

// connect joins the main namespace, and returns the socket's id.
func (p *poller) connect() string {
	p.t.Helper()
	p.begin()
	if status, body := p.do(http.MethodPost, "40"); status != http.StatusOK {
		p.t.Fatalf("CONNECT was answered with %d %s", status, body)
	}
	status, body := p.do(http.MethodGet, "")
	_, rest, _ := strings.Cut(body, `40{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if sid == "" {
		p.t.Fatalf("the poll for CONNECT was answered with %d %s", status, body)
	}
	return sid
}

// unknownSession is what clients that poll meet where requests of one session go to
// several servers.
func unknownSession(t *testing.T, url string) {
	const want = `{"code":1,"message":"Session ID unknown"}`
	p := newPoller(t, url, 1)
	p.begin()
	failed := 0
	for range 6 {
		if status, body := p.do(http.MethodPost, "3"); status == http.StatusBadRequest && body == want {
			failed++
		}
	}
	if failed < 2 {
		t.Errorf("%d of 6 requests failed with %s", failed, want)
	}
	procs.Eventually(t, askTime, func() error { // so that it waits nowhere
		if status, body := p.do(http.MethodPost, "1"); status != http.StatusOK {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
}

// connectThrough connects clients of all kinds.
func connectThrough(t *testing.T, c *cluster, url string) {
	through := &server{process: &process{name: "balancer"}, url: url}
	var clients []*client
	for _, transports := range []list{{"websocket"}, {"polling"}, {"polling", "websocket"}} {
		for range 3 {
			clients = append(clients, connect(t, through, "/", args{"transports": transports, "withCredentials": true}))
		}
	}
	for i, s := range c.servers {
		s.do(t, "emit", args{"args": list{"hello", i}})
	}
	for _, client := range clients {
		client.wait(t, "hello", len(c.servers))
		client.join(t, "room")
	}
}

// drainBehind drains one of the servers while clients come and go.
func drainBehind(t *testing.T, c *cluster, url string) {
	const count = 12
	at := map[*server][]*poller{}
	for i := range count {
		p := newPoller(t, url, i+1)
		sid := p.connect()
		for _, s := range c.servers {
			if contains(s.do(t, "localSockets", nil), sid) {
				at[s] = append(at[s], p)
			}
		}
	}
	old := c.servers[0]
	for _, s := range c.servers {
		if len(at[s]) > len(at[old]) {
			old = s
		}
	}
	stay := at[old]
	if len(at) < 2 || len(stay) < 2 {
		t.Fatalf("the clients are not spread: %d servers, %d on one", len(at), len(stay))
	}
	drained, err := old.Begin("drain", args{"rate": 2})
	if err != nil {
		t.Fatal(err)
	}
	procs.Eventually(t, askTime, func() error {
		answer, err := http.Get(old.url + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("%s", answer.Status)
		}
		return nil
	})
	defer http.DefaultClient.CloseIdleConnections()

	// New clients get in, and stay: from addresses and without cookies that would lead
	// to the server that drains, too.
	for i := range count {
		p := newPoller(t, url, i+1)
		sid := p.connect()
		if contains(old.do(t, "localSockets", nil), sid) {
			t.Errorf("a new client is on the server that drains")
		}
	}
	// Those that are in go on until they are told to go.
	for i, p := range stay {
		for {
			status, body := p.do(http.MethodGet, "")
			if status != http.StatusOK {
				t.Fatalf("client %d of the server that drains: %d %s", i, status, body)
			}
			if strings.HasSuffix(body, "1") { // CLOSE
				break
			}
		}
	}
	if _, err := old.Await("drain", drained); err != nil {
		t.Error(err)
	}
}

func contains(list any, value string) bool {
	values, _ := list.([]any) // no list if there are none
	return slices.Contains(values, any(value))
}
