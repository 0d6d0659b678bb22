package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the example: TestServe starts it as a process of its
// own, which can be signalled.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_EXAMPLE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestServe: the example starts, answers, says whether it is ready, and ends by itself
// when it is told to.
func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	cmd := exec.Command(os.Args[0], "-http", addr)
	cmd.Env = append(os.Environ(), "BE_THE_EXAMPLE=1", "MESH_LISTEN=127.0.0.1:0", "MESH_PEERS=ws://127.0.0.1:1")
	errOut, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	timeout := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer timeout.Stop()
	lines := bufio.NewScanner(errOut)
	for lines.Scan() && !strings.Contains(lines.Text(), "node started") {
	}
	for path, want := range map[string]int{"/socket.io/?EIO=4&transport=polling": http.StatusOK, "/ready": http.StatusServiceUnavailable} {
		response, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s was answered with %s", path, response.Status)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
