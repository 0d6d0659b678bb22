package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/internal/await"
)

// TestKilledServer: when the process of one server is killed, the demo says so and the
// other servers go on.
func TestKilledServer(t *testing.T) {
	clearEnv(t)
	out, stop := background(t, "demo", "--nodes", "3", "--port", "0", "--mesh-port", "0", "--discovery-port", "0", "--log-level", "error")
	var pages []string
	var ids []int
	for i := range 3 {
		line := out.find("server " + strconv.Itoa(i+1) + " ")
		id, err := strconv.Atoi(after(line, "process "))
		if err != nil {
			t.Fatalf("%q has no process: %v", line, err)
		}
		pages, ids = append(pages, "http://"+after(line, "http://")), append(ids, id)
	}
	a, b := dial(t, pages[0]), dial(t, pages[2])
	waitForServers(a, 3)
	process, err := os.FindProcess(ids[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if line := out.find("is gone"); !strings.HasPrefix(line, "server 2 ") || !strings.Contains(line, "2 of 3") {
		t.Errorf("the demo says %q", line)
	}
	waitForServers(a, 2)
	waitForServers(b, 2)
	a.emit("pub", nil, "hello")
	if got := string(b.wait("msg", nil)); got != `"hello"` {
		t.Errorf("got %s", got)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestStopOnThePage: a demo's server stops for its own page, and for no other one; a node
// does not.
func TestStopOnThePage(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "demo", "--nodes", "2", "--port", "0", "--mesh-port", "0", "--discovery-port", "0", "--log-level", "error")
	first := "http://" + after(out.find("server 1 "), "http://")
	second := "http://" + after(out.find("server 2 "), "http://")
	for origin, want := range map[string]int{second: http.StatusForbidden, "http://elsewhere.example": http.StatusForbidden, "null": http.StatusForbidden} {
		if got := post(t, first+stopPath, origin); got != want {
			t.Errorf("stopped by a page of %s: %d, want %d", origin, got, want)
		}
	}
	c := dial(t, second)
	waitForServers(c, 2)
	if got := post(t, first+stopPath, first); got != http.StatusAccepted {
		t.Errorf("stopped by its own page: %d, want %d", got, http.StatusAccepted)
	}
	if line := out.find("has stopped"); !strings.HasPrefix(line, "server 1 ") {
		t.Errorf("the demo says %q", line)
	}
	waitForServers(c, 1)

	node, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1", "--log-level", "error")
	page := "http://" + after(node.find("server"), "http://")
	if got := post(t, page+stopPath, page); got != http.StatusNotFound {
		t.Errorf("a node: %d, want %d", got, http.StatusNotFound)
	}
}

func post(t *testing.T, url, origin string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", origin)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	response.Body.Close()
	return response.StatusCode
}

// TestPagesMove: a page may connect to the other servers of the mesh, and a page of
// elsewhere to none.
func TestPagesMove(t *testing.T) {
	pages, _, _ := startTestDemo(t, 2)
	url := strings.Replace(pages[1], "http://", "ws://", 1) + "/socket.io/?EIO=4&transport=websocket"
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(pages[0], "http://"))
	for origin, want := range map[string]bool{
		pages[0]: true, pages[1]: true, "http://localhost:" + port: true,
		"http://elsewhere.example": false, "http://elsewhere.example:" + port: false, "null": false,
	} {
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), url, http.Header{"Origin": {origin}})
		if (err == nil) != want {
			t.Errorf("a page of %s: %v", origin, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// TestAddCommand: the command that the demo prints adds a server; pages are told the same
// without a token.
func TestAddCommand(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "demo", "--nodes", "1", "--port", "0", "--mesh-port", "0", "--discovery-port", "0", "--log-level", "error",
		"--transport", "quic", "--codec", "msgpack")
	c := dial(t, "http://"+after(out.find("server 1 "), "http://"))
	printed := strings.TrimSpace(out.find(" node "))
	words := strings.Fields(printed)
	token, ok := strings.CutPrefix(words[0], "MESH_AUTH_TOKEN=")
	if !ok || words[2] != "node" {
		t.Fatalf("the command is %q", printed)
	}
	if shown := waitForServers(c, 1).Demo; shown == nil || shown.Add != strings.Replace(printed, token, "the-token", 1) {
		t.Errorf("the page shows %+v, and the demo prints %q", shown, printed)
	}
	t.Setenv("MESH_AUTH_TOKEN", token)
	for i := range 2 { // as often as one likes
		background(t, append(words[2:], "--log-level", "error")...)
		waitForServers(c, i+2)
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"ws://[::1]:4000": "'ws://[::1]:4000'", "mesh": "mesh", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "./x/y-z_1.pem": "./x/y-z_1.pem", "$HOME": "'$HOME'",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

// TestNoOrphans: the servers end with the demo, whether it is asked to or killed.
func TestNoOrphans(t *testing.T) {
	clearEnv(t)
	for name, signal := range map[string]os.Signal{"asked": syscall.SIGTERM, "killed": os.Kill} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "demo", "--nodes", "2", "--port", "0", "--mesh-port", "0", "--discovery-port", "0", "--log-level", "error")
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			ids := map[string]string{} // by address
			for lines := bufio.NewScanner(output); len(ids) < 2 && lines.Scan(); {
				if id := after(lines.Text(), "process "); id != "" {
					ids[after(lines.Text(), "http://")] = id
				}
			}
			if len(ids) < 2 {
				t.Fatalf("the demo names %v", ids)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			for address, id := range ids {
				await.Condition(t, address+" is refused", func() bool { return !listens(address) })
				await.Condition(t, "process "+id+" has ended", func() bool { return !runs(id) })
			}
		})
	}
}

func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// runs tells whether a process runs, where there is a /proc. One that has ended and that
// nobody has waited for is a zombie.
func runs(id string) bool {
	status, err := os.ReadFile("/proc/" + id + "/status")
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}
