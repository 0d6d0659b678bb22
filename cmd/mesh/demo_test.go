package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// startTestDemo runs `mesh demo` on free ports, and returns the pages, the
// discovery service's address and a way to stop it.
func startTestDemo(t *testing.T, nodes int) (pages []string, discovery string, stop func() int) {
	t.Helper()
	clearEnv(t)
	out, stop := background(t, "demo", "--nodes", fmt.Sprint(nodes), "--port", "0", "--mesh-port", "0", "--discovery-port", "0")
	for i := range nodes {
		pages = append(pages, "http://"+after(out.find(fmt.Sprintf("server %d ", i+1)), "http://"))
	}
	return pages, "ws://" + after(out.find("discovery "), "ws://"), stop
}

// waitForServers waits until the page's server sees that many.
func waitForServers(c *client, n int) view {
	c.t.Helper()
	var v view
	c.wait("state", func(text json.RawMessage) bool {
		v = view{}
		return json.Unmarshal(text, &v) == nil && len(v.Servers) == n
	})
	return v
}

// total is for states with so many clients in the mesh.
func total(n int) func(json.RawMessage) bool {
	return func(text json.RawMessage) bool {
		var v view
		return json.Unmarshal(text, &v) == nil && v.Total == n
	}
}

func TestDemo(t *testing.T) {
	pages, _, stop := startTestDemo(t, 3)
	clients := make([]*client, len(pages))
	for i, page := range pages {
		clients[i] = dial(t, page)
	}
	for _, c := range clients {
		waitForServers(c, 3)
	}

	t.Run("everyone gets what is published", func(t *testing.T) {
		clients[0].emit("pub", nil, map[string]any{"n": 1.5, "text": "ü", "nothing": nil})
		for _, c := range clients {
			if got, want := string(c.wait("msg", nil)), `{"n":1.5,"nothing":null,"text":"ü"}`; !sameJSON(t, got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
	t.Run("a room spans servers", func(t *testing.T) {
		clients[2].ask("join", "tea")
		clients[0].ask("join", "tea")
		clients[1].emit("pub", "tea", "only for tea")
		clients[1].emit("pub", nil, "for all")
		for i, want := range []string{`"only for tea"`, `"for all"`, `"only for tea"`} {
			if got := string(clients[i].wait("msg", nil)); got != want {
				t.Errorf("client %d got %s, want %s", i, got, want)
			}
		}
		clients[2].ask("leave", "tea")
		clients[1].emit("pub", "tea", "again")
		clients[1].emit("pub", nil, "end")
		clients[2].wait("msg", func(m json.RawMessage) bool {
			if string(m) == `"again"` {
				t.Error("a client that left the room got a message of it")
			}
			return string(m) == `"end"`
		})
	})
	t.Run("fetch counts the clients of all servers", func(t *testing.T) {
		if got := string(clients[1].ask("fetch")); got != "3" {
			t.Errorf("got %s, want 3", got)
		}
	})
	t.Run("messages name their server", func(t *testing.T) {
		clients[0].emit("say", map[string]any{"room": nil, "text": "<b>hi</b>", "name": "Ann", "sid": "1"})
		var m struct{ Text, Name, Server string }
		if err := json.Unmarshal(clients[2].wait("chat", nil), &m); err != nil {
			t.Fatal(err)
		}
		if m.Text != "<b>hi</b>" || m.Name != "Ann" || "http://"+m.Server != pages[0] {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("the page is served", func(t *testing.T) { checkPage(t, pages[1]) })
	if code := stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for i, c := range clients {
		if !c.ended() {
			t.Errorf("client %d was not disconnected", i)
		}
	}
}

// TestAsk: a question reaches the clients of all servers, and their answers come
// together.
func TestAsk(t *testing.T) {
	pages, _, _ := startTestDemo(t, 2)
	asker, other := dial(t, pages[0]), dial(t, pages[1])
	asker.wait("state", total(2)) // the other server has told of its client, and does not only have a link
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		other.wait("question", nil)
	}()
	var result struct {
		Answers []struct{ Name, Server string }
		Ms      int
		Error   string
	}
	if err := json.Unmarshal(asker.ask("ask", map[string]any{"text": "who?", "name": "Ann"}), &result); err != nil {
		t.Fatal(err)
	}
	<-answered
	if len(result.Answers) != 2 || result.Error != "" || result.Answers[1].Name != "test" {
		t.Errorf("got %+v, want two answers", result)
	}
}

// TestState: pages are told of clients and servers that come and go.
func TestState(t *testing.T) {
	pages, discovery, _ := startTestDemo(t, 2)
	c := dial(t, pages[0])
	v := waitForServers(c, 2)
	if "http://"+v.Me.Name != pages[0] || v.Me.URL != pages[0] {
		t.Errorf("the state says %+v of the server of %s", v.Me, pages[0])
	}
	d := dial(t, pages[1])
	c.wait("state", total(2))
	d.conn.Close()
	c.wait("state", total(1))

	out, stop := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--discovery", discovery, "--log-level", "error")
	page := "http://" + after(out.find("server"), "http://")
	c.wait("state", func(text json.RawMessage) bool { return strings.Contains(string(text), page) })
	if code := stop(); code != exitOK {
		t.Errorf("exit code of the node: %d", code)
	}
	waitForServers(c, 2)
}

// TestPlainClients: a client that is no page gets what is published, and nothing
// that it did not ask for.
func TestPlainClients(t *testing.T) {
	pages, _, _ := startTestDemo(t, 1)
	page := dial(t, pages[0])
	plain := dialPlain(t, pages[0])
	page.wait("state", total(2))
	if answers := page.ask("ask", map[string]any{"text": "who?"}); !strings.Contains(string(answers), `"answers":[{`) {
		t.Errorf("got %s, want the page's own answer", answers)
	}
	page.emit("pub", nil, "end")
	plain.wait("msg", nil)
	for _, e := range plain.skipped {
		t.Errorf("a plain client got %s", e)
	}
}

// Servers that listen on all interfaces give an address that can be opened.
func TestServersThatListenEverywhere(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "node", "--host", "0.0.0.0", "--port", "0", "--mesh-listen", ":0", "--peers", "ws://127.0.0.1:1", "--log-level", "error")
	line := out.find("server")
	for _, address := range []string{after(line, "http://"), after(line, "(mesh ws://")} {
		if !strings.HasPrefix(address, "localhost:") || strings.HasSuffix(address, ":0") {
			t.Errorf("%q: want localhost with a real port in %q", line, address)
		}
	}
}

// TestStaticPeers: a node that knows one server of a demo is in its mesh.
func TestStaticPeers(t *testing.T) {
	clearEnv(t)
	first, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1", "--log-level", "error")
	line := first.find("server")
	second, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://"+after(line, "(mesh ws://"), "--log-level", "error")
	a := dial(t, "http://"+after(line, "http://"))
	b := dial(t, "http://"+after(second.find("server"), "http://"))
	waitForServers(a, 2)
	a.emit("pub", nil, "hello")
	if got := string(b.wait("msg", nil)); got != `"hello"` {
		t.Errorf("got %s", got)
	}
}

// TestBadArguments: whatever a client sends, the server goes on.
func TestBadArguments(t *testing.T) {
	pages, _, _ := startTestDemo(t, 1)
	c := dial(t, pages[0])
	for _, event := range []string{"join", "leave", "pub", "say", "ask", "mesh:card"} {
		for _, args := range [][]any{{}, {nil}, {1}, {map[string]any{}}, {[]any{}, nil}, {true, "x"}, {map[string]any{"text": 1, "room": 2}}} {
			c.emit(append([]any{event}, args...)...)
		}
	}
	if got := string(c.ask("fetch")); got != "1" {
		t.Errorf("got %s, want 1", got)
	}
}

func checkPage(t *testing.T, url string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || !strings.Contains(string(body), "<title>mesh</title>") {
		t.Errorf("%s: %s, %d bytes", url, response.Status, len(body))
	}
	for _, outside := range []string{`src="http`, `href="http`, "@import", "url(http"} {
		if strings.Contains(string(body), outside) {
			t.Errorf("the page has %s: it must work offline", outside)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return encode(t, x) == encode(t, y)
}
