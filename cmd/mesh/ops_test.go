package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/ops"
)

// operate runs a command, and returns what it printed and its exit code.
func operate(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return o.String(), e.String(), code
}

// TestOperate: the commands, on three servers with clients.
func TestOperate(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "demo", "--nodes", "3", "--port", "0", "--mesh-port", "0", "--discovery-port", "0")
	var pages []string
	for _, name := range []string{"server 1 ", "server 2 ", "server 3 "} {
		pages = append(pages, "http://"+after(out.find(name), "http://"))
	}
	t.Setenv("MESH_OPS_URL", "http://"+after(out.find("operators "), "http://"))
	var clients []*client
	var ids []string
	for _, page := range pages {
		c := dial(t, page)
		ids = append(ids, waitForServers(c, 3).Me.ID)
		c.ask("join", "tea\x1b[2J")
		clients = append(clients, c)
	}

	t.Run("nodes", func(t *testing.T) {
		text, why, code := operate(t, "nodes")
		if code != exitOK || !strings.Contains(text, "the mesh is whole: 3 nodes") || strings.Count(text, " json ") != 6 {
			t.Errorf("exit code %d\n%s%s", code, text, why)
		}
		text, _, code = operate(t, "nodes", "--json")
		var c ops.Cluster
		if err := json.Unmarshal([]byte(text), &c); err != nil || code != exitOK || len(c.Nodes) != 3 || !c.Whole {
			t.Errorf("exit code %d, %v\n%s", code, err, text)
		}
		for _, n := range c.Nodes {
			if n.Sockets != 1 || len(n.Peers) != 2 {
				t.Errorf("%+v", n)
			}
		}
	})
	t.Run("top", func(t *testing.T) {
		text, why, code := operate(t, "top", "--interval", "600ms")
		if code != exitOK || !strings.Contains(text, "3 nodes, 3 sockets, whole") || strings.Contains(text, "\x1b") {
			t.Errorf("exit code %d\n%s%s", code, text, why)
		}
	})
	t.Run("rooms", func(t *testing.T) {
		text, why, code := operate(t, "rooms", "tea*")
		if code != exitOK || !strings.Contains(text, "3        3      /          tea\uFFFD[2J") || strings.Contains(text, "\x1b") {
			t.Errorf("exit code %d\n%q%s", code, text, why)
		}
	})
	t.Run("sockets", func(t *testing.T) {
		text, why, code := operate(t, "sockets", "--room", "tea\x1b[2J", "--limit", "2")
		if code != exitOK || strings.Count(text, "websocket") != 2 || !strings.Contains(why, "--after") {
			t.Fatalf("exit code %d\n%s%s", code, text, why)
		}
		next := strings.TrimSpace(after(why, "--after "))
		if text, why, code = operate(t, "sockets", "--limit", "2", "--after", next); code != exitOK || strings.Count(text, "websocket") != 1 {
			t.Errorf("exit code %d\n%s%s", code, text, why)
		}
	})
	t.Run("explain", func(t *testing.T) {
		text, why, code := operate(t, "explain", "room", "tea\x1b[2J", "--from", ids[1][:12])
		first, _, _ := strings.Cut(after(text, "QUEUE\n"), "\n")
		if code != exitOK || !strings.HasPrefix(first, ids[1]) || !strings.Contains(strings.ReplaceAll(text, "\n", " "), "reaches 3 sockets on 3 of 3 servers") || strings.Count(text, "  sent  ") != 2 {
			t.Errorf("exit code %d\n%s%s", code, text, why)
		}
		for _, line := range strings.Split(text, "\n") {
			if utf8.RuneCountInString(strings.TrimRight(line, " ")) > 80 || strings.Contains(line, "\x1b") {
				t.Errorf("%q", line)
			}
		}
		text, why, code = operate(t, "explain", "room", "tea\x1b[2J", "--except", "tea\x1b[2J", "--json")
		var e ops.Explanation
		if err := json.Unmarshal([]byte(text), &e); err != nil || code != exitOK || len(e.Servers) != 3 || e.Servers[1].Members != 1 || e.Sockets != 0 {
			t.Errorf("exit code %d, %v\n%s%s", code, err, text, why)
		}
		for _, words := range [][]string{{}, {"room"}, {"rooms", "x"}, {"room", "x", "y"}} {
			if _, why, code := operate(t, append([]string{"explain"}, words...)...); code == exitOK || !strings.Contains(why, "mesh explain room news") {
				t.Errorf("%q: exit code %d: %s", words, code, why)
			}
		}
		if _, why, code := operate(t, "explain", "room", "x", "--namespace", "/none"); code != exitFailed || !strings.Contains(why, "not open") {
			t.Errorf("exit code %d: %s", code, why)
		}
	})
	t.Run("trace", func(t *testing.T) {
		for i, format := range []string{"--json", "--for=1h"} {
			lines, stop := background(t, "trace", "--kind", "broadcast,sockets-join", "--room", "tea\x1b[2J", format)
			if i == 0 {
				lines.find(`"nodes":3`)
			} else {
				lines.find("tracing 3 nodes")
			}
			if _, why, code := operate(t, "emit", "traced", `{"secret":1}`, "--rooms", "tea\x1b[2J"); code != exitOK {
				t.Fatalf("exit code %d: %s", code, why)
			}
			line := lines.find(`"traced`)
			if i == 0 {
				checkTraced(t, line, ids)
			} else if line += lines.find("-> ") + lines.find("-> "); strings.Count(line, " handled ") != 2 || strings.Count(line, " hop ") != 2 {
				t.Errorf("%s", line)
			}
			if strings.Contains(line, "\x1b") || strings.Contains(line, "secret") {
				t.Errorf("%q", line)
			}
			if code := stop(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
		}
		if _, why, code := operate(t, "trace", "--kind", "x"); code != exitFailed || !strings.Contains(why, "kind: ") {
			t.Errorf("exit code %d: %s", code, why)
		}
	})
	t.Run("emit", func(t *testing.T) {
		text, why, code := operate(t, "emit", "msg", `{"a":[1,2]}`, "and text")
		if code != exitOK || !strings.Contains(text, "3 servers") {
			t.Errorf("exit code %d\n%s%s", code, text, why)
		}
		for i, c := range clients {
			if got := string(c.wait("msg", nil)); !sameJSON(t, got, `{"a":[1,2]}`) {
				t.Errorf("client %d got %s", i, got)
			}
		}
	})
	t.Run("drain", func(t *testing.T) {
		if _, why, code := operate(t, "drain", "nobody"); code != exitFailed || !strings.Contains(why, `no node "nobody"`) {
			t.Errorf("exit code %d: %s", code, why)
		}
		// The last server is asked to by way of the first one.
		text, why, code := operate(t, "drain", ids[2][:12], "--wait", "--rate", "1000")
		if code != exitOK || !strings.Contains(text, ids[2]+" sends its clients elsewhere") {
			t.Fatalf("exit code %d\n%s%s", code, text, why)
		}
		text, _, code = operate(t, "nodes")
		if code != exitOK || !strings.Contains(text, "no:draining") {
			t.Errorf("exit code %d\n%s", code, text)
		}
		if !clients[2].ended() {
			t.Error("its client is still connected")
		}
	})
}

// checkTraced checks the line of an event that went from the first server to the others.
func checkTraced(t *testing.T, line string, ids []string) {
	t.Helper()
	var l ops.TraceLine
	if err := json.Unmarshal([]byte(line), &l); err != nil || l.Message == nil || len(l.Message.Hops) != 2 {
		t.Fatalf("%v: %s", err, line)
	}
	m := l.Message
	if m.From != ids[0] || m.Kind != "broadcast" || m.Namespace != "/" || m.Event != "traced" || !slices.Equal(m.Rooms, []string{"tea\x1b[2J"}) {
		t.Errorf("%+v", m)
	}
	to := slices.Sorted(slices.Values(ids[1:]))
	for i, h := range m.Hops {
		if h.To != to[i] || h.State != ops.HopHandled || h.Bytes == 0 || h.Codec != "json" || h.Queue == nil || h.Hop == nil || h.Handle == nil || h.Accuracy <= 0 {
			t.Errorf("%+v", h)
		}
	}
}

// TestNodesOfABrokenMesh: a server that cannot be reached is named, and the exit code
// tells.
func TestNodesOfABrokenMesh(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1", "--ops-listen", "127.0.0.1:0", "--auth-token", "secret", "--log-level", "error")
	url := "http://" + after(out.find("operators "), "http://")
	if _, why, code := operate(t, "nodes", "--url", url); code != exitFailed || !strings.Contains(why, "a token is needed") || !strings.Contains(why, "--token-file") {
		t.Errorf("without a token: exit code %d: %s", code, why)
	}
	if _, why, code := operate(t, "nodes", "--url", url, "--token", "guess"); code != exitFailed || !strings.Contains(why, "wrong token") {
		t.Errorf("with a wrong one: exit code %d: %s", code, why)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	await.Condition(t, "the answer says why", func() bool { // once the first dial has failed
		text, why, code := operate(t, "nodes", "--url", url, "--token-file", file)
		if code != exitFailed || !strings.Contains(why, "the mesh is not whole: 1 problem") {
			t.Fatalf("exit code %d: %s%s", code, text, why)
		}
		return strings.Contains(text, "no link to ws://127.0.0.1:1") && strings.Contains(text, "connection refused")
	})
	if _, why, code := operate(t, "emit", "x", "--url", url, "--token", "secret"); code != exitFailed || !strings.Contains(why, "read-only") {
		t.Errorf("emit: exit code %d: %s", code, why)
	}
}

// TestNoOperatorsPort: what answers there is something else.
func TestNoOperatorsPort(t *testing.T) {
	clearEnv(t)
	for name, handler := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"a page":    func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hello")) },
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(handler)
			defer web.Close()
			if _, why, code := operate(t, "nodes", "--url", web.URL); code != exitFailed || !strings.Contains(why, "is no operators' port of a mesh") {
				t.Errorf("exit code %d: %s", code, why)
			}
		})
	}
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	if _, why, code := operate(t, "nodes", "--url", strings.Replace(web.URL, "https", "http", 1)); code != exitFailed || !strings.Contains(why, "it wants https://") {
		t.Errorf("exit code %d: %s", code, why)
	}
}

func TestDiscoveryOps(t *testing.T) {
	clearEnv(t)
	out, stop := background(t, "discovery", "--host", "127.0.0.1", "--port", "0", "--ops-listen", "127.0.0.1:0", "--log-level", "error")
	url := "http://" + after(out.find("operators on "), "http://")
	for _, path := range []string{"/healthz", "/readyz", "/api/v1/servers"} {
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if code := stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
