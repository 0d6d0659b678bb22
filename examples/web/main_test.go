package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/loopback"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	ours   = "http://site.example"
	theirs = "http://elsewhere.example"
)

// started runs the example on free ports, and waits until the three are linked. It
// returns where each framework serves clients.
func started(t *testing.T) map[string]string {
	t.Helper()
	web := map[string]string{"gin": loopback.FreeAddress(t), "echo": loopback.FreeAddress(t), "chi": loopback.FreeAddress(t)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{ours},
			place{web["gin"], loopback.FreeAddress(t), mountGin},
			place{web["echo"], loopback.FreeAddress(t), mountEcho},
			place{web["chi"], loopback.FreeAddress(t), mountChi})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	for name, addr := range web {
		awaitReady(t, name, addr)
	}
	return web
}

func awaitReady(t *testing.T, name, addr string) {
	t.Helper()
	await.Condition(t, name+" is ready", func() bool {
		response, err := http.Get("http://" + addr + "/ready")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// client is a Socket.IO client of a page of some origin.
type client interface {
	say(text string)
	hears() string // the next packet
}

// wsClient speaks Engine.IO over a WebSocket.
type wsClient struct {
	t    *testing.T
	conn *websocket.Conn
}

func dialWebSocket(addr, origin string) (*websocket.Conn, *http.Response, error) {
	dialer := websocket.Dialer{HandshakeTimeout: time.Minute}
	return dialer.Dial("ws://"+addr+"/socket.io/?EIO=4&transport=websocket", http.Header{"Origin": {origin}})
}

func newWSClient(t *testing.T, addr string) client {
	t.Helper()
	conn, response, err := dialWebSocket(addr, ours)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	t.Cleanup(func() { conn.Close() })
	return &wsClient{t, conn}
}

func (c *wsClient) say(text string) {
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *wsClient) hears() string {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, text, err := c.conn.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// pollClient speaks it in requests.
type pollClient struct {
	t       *testing.T
	url     string
	packets []string // that have come and were not looked at
}

func newPollClient(t *testing.T, addr string) client {
	t.Helper()
	c := &pollClient{t: t, url: "http://" + addr + "/socket.io/?EIO=4&transport=polling"}
	first := c.request(http.MethodGet, "")
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(first, "0")), &handshake); err != nil {
		t.Fatalf("%q: %v", first, err)
	}
	c.packets = []string{first}
	c.url += "&sid=" + handshake.SID
	return c
}

// request is one of a page of ours, which has to be allowed to read the answer.
func (c *pollClient) request(method, body string) string {
	c.t.Helper()
	answer := ask(c.t, method, c.url, ours, body)
	if answer.status != http.StatusOK || !slices.Equal(answer.allowed, []string{ours}) {
		c.t.Fatalf("%s: %d, allowed to %q, want %q once: %s", method, answer.status, answer.allowed, ours, answer.body)
	}
	return answer.body
}

func (c *pollClient) say(text string) { c.request(http.MethodPost, text) }

func (c *pollClient) hears() string {
	c.t.Helper()
	for len(c.packets) == 0 {
		c.packets = strings.Split(c.request(http.MethodGet, ""), "\x1e")
	}
	next := c.packets[0]
	c.packets = c.packets[1:]
	return next
}

type answer struct {
	status  int
	body    string
	allowed []string // the values of Access-Control-Allow-Origin
}

// ask makes a request as a page of this origin does.
func ask(t *testing.T, method, url, origin, body string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", origin)
	switch method {
	case http.MethodPost:
		request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	case http.MethodOptions:
		request.Header.Set("Access-Control-Request-Method", http.MethodPost)
		request.Header.Set("Access-Control-Request-Headers", "content-type")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, string(text), response.Header.Values("Access-Control-Allow-Origin")}
}

// hear waits for a packet that begins with some text, and answers pings meanwhile.
func hear(t *testing.T, c client, prefix string) string {
	t.Helper()
	for {
		packet := c.hears()
		if packet == "2" {
			c.say("3")
		}
		if strings.HasPrefix(packet, prefix) {
			return packet
		}
	}
}

// TestMounts: what a client of one framework says is heard by those of all three, over
// WebSockets and by polling, from a page of another site that is allowed.
func TestMounts(t *testing.T) {
	web := started(t)
	everybody(t, web)
}

// everybody has a client of each kind at each address say something; all hear it.
func everybody(t *testing.T, addresses ...map[string]string) {
	t.Helper()
	clients := map[string]client{}
	for _, web := range addresses {
		for name, addr := range web {
			clients[name+" websocket"] = newWSClient(t, addr)
			clients[name+" polling"] = newPollClient(t, addr)
		}
	}
	for _, c := range clients {
		hear(t, c, "0{")
		c.say("40")
		hear(t, c, "40{")
	}
	for name, c := range clients {
		said := fmt.Sprintf(`42["chat","from %s"]`, name)
		c.say(said)
		for other, listener := range clients {
			if heard := hear(t, listener, "42"); heard != said {
				t.Fatalf("%s heard %s, want %s", other, heard, said)
			}
		}
	}
}

// TestOrigins: pages of sites that are not allowed are refused; the middleware and
// Socket.IO agree.
func TestOrigins(t *testing.T) {
	for name, addr := range started(t) {
		url := "http://" + addr + "/socket.io/?EIO=4&transport=polling"
		for _, method := range []string{http.MethodOptions, http.MethodGet} {
			if a := ask(t, method, url, ours, ""); a.status >= 300 || !slices.Equal(a.allowed, []string{ours}) {
				t.Errorf("%s: %s of a page of ours: %d, allowed to %q", name, method, a.status, a.allowed)
			}
			if a := ask(t, method, url, theirs, ""); slices.Contains(a.allowed, theirs) || slices.Contains(a.allowed, "*") {
				t.Errorf("%s: %s of another page: %d, allowed to %q", name, method, a.status, a.allowed)
			}
		}
		conn, response, err := dialWebSocket(addr, theirs)
		if err == nil {
			conn.Close()
			t.Errorf("%s: a WebSocket of another page was let in", name)
		} else if response == nil || response.StatusCode < 400 || response.StatusCode >= 500 {
			t.Errorf("%s: a WebSocket of another page: %v", name, err)
		}
	}
}

// TestPortTaken: the program says which address is taken, and ends.
func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = run(t.Context(), []string{ours}, place{loopback.FreeAddress(t), loopback.FreeAddress(t), mountGin}, place{taken.Addr().String(), loopback.FreeAddress(t), mountChi})
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("%v", err)
	}
}

// behindNginx runs nginx with the configuration of deploy/, its addresses replaced.
func behindNginx(t *testing.T, web map[string]string) (address string) {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		if os.Getenv("CI") == "" {
			t.Skip("nginx is not installed: run tools/setup.sh")
		}
		t.Fatal(err)
	}
	shipped, err := os.ReadFile("../../deploy/nginx/mesh.conf")
	if err != nil {
		t.Fatal(err)
	}
	address = loopback.FreeAddress(t)
	config := strings.NewReplacer("server1:3000", web["gin"], "server2:3000", web["echo"], "server3:3000", web["chi"],
		"listen 80;", "listen "+address+";").Replace(string(shipped))
	dir := t.TempDir()
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s; ", kind, dir, kind)
	}
	main := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off; master_process off; pid %s/pid; error_log stderr warn;\nevents {}\nhttp { access_log off; %s\n%s\n}\n", dir, temp.String(), config)
	if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nginx", "-p", dir, "-e", "stderr", "-c", main)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return address
}

// TestBehindNginx: clients reach the servers by the configuration of deploy/, and hear
// those that connect directly.
func TestBehindNginx(t *testing.T) {
	web := started(t)
	nginx := behindNginx(t, web)
	awaitReady(t, "nginx", nginx)
	everybody(t, web, map[string]string{"nginx": nginx})
}
