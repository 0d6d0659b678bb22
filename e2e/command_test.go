package e2e

import (
	"bufio"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// TestCommands: servers of `mesh node`, on a `mesh discovery`, answer any
// Socket.IO client that knows their three events.
func TestCommands(t *testing.T) {
	t.Parallel()
	discovery := startMesh(t, 1, "discovery", "--host", "127.0.0.1", "--port", "0", "--auth-token", "secret")[0]
	var clients []*client
	for range 2 {
		url := startMesh(t, 1, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--discovery", discovery, "--auth-token", "secret")[0]
		clients = append(clients, connect(t, &server{process: &process{name: "mesh node"}, url: url}, "/", nil))
	}
	a, b := clients[0], clients[1]
	procs.Eventually(t, linkTime, func() error {
		if sockets := a.call(t, "fetch"); sockets[0] != 2.0 {
			return fmt.Errorf("%v sockets in the mesh", sockets)
		}
		return nil
	})
	b.call(t, "join", "tea")
	a.emit(t, "pub", "tea", args{"x": list{bin(1), "é"}})
	a.emit(t, "pub", nil, "to all")
	same(t, "received in the room", b.wait(t, "msg", 2), list{list{args{"x": list{bin(1), "é"}}}, list{"to all"}})
	same(t, "received outside", a.wait(t, "msg", 1), list{list{"to all"}})
}

var anyURL = regexp.MustCompile(`(?:http|ws)://\S+`)

// startCommand runs the mesh command, and returns the lines that it prints. At the test's end
// it is stopped with Ctrl-C, and has to end well if well is set.
func startCommand(t *testing.T, well bool, arguments ...string) (lines *bufio.Scanner, log *procs.Log) {
	t.Helper()
	name := "mesh " + arguments[0]
	cmd := exec.Command(binaries.mesh, arguments...)
	log = new(procs.Log)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		force := time.AfterFunc(askTime, func() { cmd.Process.Kill() })
		defer force.Stop()
		if err := cmd.Wait(); err != nil && well {
			t.Errorf("%s, after Ctrl-C: %v", name, err)
		}
		if strings.Contains(log.String(), "DATA RACE") {
			t.Errorf("%s: data race", name)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, log.Tail())
		}
	})
	return bufio.NewScanner(out), log
}

// startMesh runs the mesh command and returns the first address of each of the
// first lines with one. At the test's end it has to stop as it does on Ctrl-C.
func startMesh(t *testing.T, count int, arguments ...string) (urls []string) {
	t.Helper()
	lines, log := startCommand(t, true, arguments...)
	for len(urls) < count && lines.Scan() {
		if url := anyURL.FindString(lines.Text()); url != "" {
			urls = append(urls, url)
		}
	}
	if len(urls) < count {
		t.Fatalf("mesh %s has named %d addresses:\n%s", arguments[0], len(urls), log.Tail())
	}
	return urls
}
