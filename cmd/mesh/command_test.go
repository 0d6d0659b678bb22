package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"
)

func TestUsage(t *testing.T) {
	t.Setenv("PORT", "0") // a demo may be running beside this
	for _, c := range []struct {
		args     []string
		code     int
		out, err string // what must be in there
	}{
		{nil, exitUsage, "", "completion"},
		{[]string{"help"}, exitOK, "Run servers:", ""},
		{[]string{"--help"}, exitOK, "demo", ""},
		{[]string{"help", "demo"}, exitOK, "--mesh-port", ""},
		{[]string{"help", "node"}, exitOK, "MESH_SERVER_WS_ADDRESS", ""},
		{[]string{"help", "discovery"}, exitOK, "PORT", ""},
		{[]string{"discovery", "-h"}, exitOK, "--auth-token", ""},
		{[]string{"help", "dance"}, exitUsage, "", `no command "dance"`},
		{[]string{"dance"}, exitUsage, "", `no command "dance"`},
		{[]string{"nod"}, exitUsage, "", `no command "nod"; did you mean "node"?`},
		{[]string{"demo", "--dance"}, exitUsage, "", "see mesh help demo"},
		{[]string{"demo", "--nods", "2"}, exitUsage, "", "no flag --nods; did you mean --nodes?"},
		{[]string{"version"}, exitOK, "socket.io", ""},
		{[]string{"--version"}, exitOK, "mesh version", ""},
		{[]string{"demo", "now"}, exitUsage, "", `unexpected argument "now"`},
		{[]string{"demo", "--nodes", "0"}, exitUsage, "", "--nodes: 0 is not allowed: want 1 to 100"},
		{[]string{"demo", "--nodes", "three"}, exitUsage, "", `--nodes: "three" is not allowed: want a whole number`},
		{[]string{"bench", "--duration", "5000h"}, exitUsage, "", "--duration: 5000h is not allowed: want 100ms to 1h"},
		{[]string{"bench", "--duration=150m"}, exitUsage, "", "--duration: 150m is not allowed"},
		{[]string{"bench", "--warmup", "1s", "-warmup", "61000ms"}, exitUsage, "", "--warmup: 61000ms is not allowed"},
		{[]string{"bench", "--nodes", "0x0"}, exitUsage, "", `--nodes: "0x0" is not allowed: want a whole number such as`},
		{[]string{"bench", "--duration", "5"}, exitUsage, "", `--duration: "5" is not allowed: want a duration such as 5s`},
		{[]string{"demo", "--port", "70000"}, exitUsage, "", `--port: "70000" is not allowed: want a port between 0 and 65535`},
		{[]string{"demo", "--port", "65535"}, exitUsage, "", "--port: 65535 is not allowed: want at most 65533"},
		{[]string{"demo", "--log-level", "loud"}, exitUsage, "", "debug, info, warn or error"},
		{[]string{"node", "--peers", "a:4000"}, exitUsage, "", "--peers[0]: \"a:4000\" is not allowed"},
		{[]string{"node", "--peers", "ws://a:4000", "--discovery", "ws://b:8000"}, exitUsage, "", `none with Discovery "static"`},
		{[]string{"node", "--discovery", "gossip", "--gossip-seeds", "a"}, exitUsage, "", "--gossip-seeds[0]"},
		{[]string{"node", "--discovery", "gossip", "--gossip-listen", "7946"}, exitUsage, "", "--gossip-listen"},
		{[]string{"node", "--gossip-seeds", "a:7946"}, exitUsage, "", `--gossip-seeds: "a:7946" is not allowed: want --discovery gossip beside it`},
		{[]string{"node", "--discovery", "ws://a:1", "--gossip-label=x"}, exitUsage, "", `--gossip-label: "x" is not allowed`},
		{[]string{"node", "--discovery", "dns:"}, exitUsage, "", `--discovery: "dns:" is not allowed: want with Discovery "dns"`},
		{[]string{"node", "--discovery=a"}, exitUsage, "", `--discovery: "a" is not allowed: want "ws://host:port"`},
		{[]string{"node", "--discovery", "dns:a"}, exitUsage, "", `"_mesh._tcp.host"`},
		{[]string{"node", "--mesh-listen", "4000"}, exitUsage, "", "--mesh-listen: \"4000\" is not allowed"},
		{[]string{"node", "--transport", "pigeon"}, exitUsage, "", `--transport: "pigeon" is not allowed: want one of "quic", "ws", "wss"`},
		{[]string{"node", "--codec", "morse"}, exitUsage, "", `one of "json", "msgpack", "proto"`},
		{[]string{"node", "--transport", "quic"}, exitUsage, "", "AuthToken"},
		{[]string{"node", "--transport", "wss"}, exitUsage, "", "TLS.CertFile"},
		{[]string{"node", "--transport", "quic", "--auth-token", "x", "--advertise", "ws://a:1"}, exitUsage, "", `--advertise: "ws://a:1" is not allowed: want "quic://host:port"`},
		{[]string{"node", "--tls-cert", "missing.pem"}, exitUsage, "", `--tls-cert: "missing.pem"`},
		{[]string{"demo", "--transport", "pigeon", "--port", "0", "--discovery-port", "0"}, exitUsage, "", `--transport: "pigeon"`},
		{[]string{"discovery", "--tls-cert", "missing.pem"}, exitUsage, "", "--tls-cert"},
		{[]string{"cert", "--days", "0"}, exitUsage, "", "--days"},
		{[]string{"cert", "--name", "ca"}, exitUsage, "", "--name"},
		{[]string{"cert", "--name", "a/b"}, exitUsage, "", "--name"},
		{[]string{"cert", "--names", ","}, exitUsage, "", "--names"},
		{[]string{"help", "bench"}, exitOK, "--rooms-per-client", ""},
		{[]string{"bench", "--mode", "dance"}, exitUsage, "", "want throughput, latency, idle, requests"},
		{[]string{"bench", "--compare", "mesh,dance"}, exitUsage, "", `--compare: "dance" is not allowed: want mesh, `},
		{[]string{"bench", "--compare", "baseline:quic"}, exitUsage, "", `--compare: "baseline:quic"`},
		{[]string{"bench", "storm", "--present", "0"}, exitUsage, "", "--present: 0 is not allowed: want 1 to"},
		{[]string{"bench", "storm", "--newcomers", "-1"}, exitUsage, "", "--newcomers: -1 is not allowed: want 1 to"},
		{[]string{"bench", "storm", "--at-once", "-1"}, exitUsage, "", "--at-once: -1 is not allowed: want 0 to"},
		{[]string{"bench", "storm", "--within", "2h"}, exitUsage, "", "--within: 2h is not allowed: want 1s to 1h"},
		{[]string{"bench", "storm", "--server-cpus", "-1"}, exitUsage, "", "--server-cpus: -1 is not allowed: want 0 to 1024"},
		{[]string{"bench", "storm", "--ping-interval", "1ms"}, exitUsage, "", "--ping-interval: 1ms is not allowed: want 10ms to 1h, or 0"},
		{[]string{"bench", "storm", "--ping-timeout", "2h"}, exitUsage, "", "--ping-timeout: 2h is not allowed: want 10ms to 1h, or 0"},
		{[]string{"bench", "--clients", "0"}, exitUsage, "", "--clients: 0 is not allowed"},
		{[]string{"bench", "--rooms", "301"}, exitUsage, "", "--rooms: 301 is not allowed: want at most 300"},
		{[]string{"bench", "--size", "17MiB"}, exitUsage, "", "--size: 17MiB is not allowed: want 32 to"},
		{[]string{"bench", "--size", "a lot"}, exitUsage, "", `--size: "a lot" is not allowed: want a size such as 16MiB`},
		{[]string{"bench", "--clients", "20M"}, exitUsage, "", "--clients: 20M is not allowed: want 1 to"},
		{[]string{"bench", "--duration", "1d"}, exitUsage, "", "--duration: 1d is not allowed: want 100ms to 1h"},
		{[]string{"demo", "--nodes", "1,000"}, exitUsage, "", "--nodes: 1,000 is not allowed: want 1 to 100"},
		{[]string{"bench", "--size", "31"}, exitUsage, "", "--size: 31 is not allowed: want 32 to"},
		{[]string{"bench", "--rounds", "0"}, exitUsage, "", "--rounds"},
		{[]string{"bench", "--duration", "2h"}, exitUsage, "", "--duration"},
		{[]string{"bench", "dance", "--nodes", "2"}, exitUsage, "", "want throughput, latency, idle, requests"},
		{[]string{"bench", "idle", "now"}, exitUsage, "", `unexpected argument "now"`},
		{[]string{"bench", "links", "--compare", "ws,mesh"}, exitUsage, "", `--compare: "mesh" is not allowed: want ws, quic, mem, gorilla, tcp`},
		{[]string{"nodes", "--url", "localhost:4100"}, exitUsage, "", `--url: "localhost:4100" is not allowed: want http://host:port`},
		{[]string{"nodes", "--url", "http://127.0.0.1:1"}, exitFailed, "", "there is no server at http://127.0.0.1:1: start one with MESH_OPS_LISTEN"},
		{[]string{"nodes", "--token-file", "missing"}, exitUsage, "", "--token-file"},
		{[]string{"top", "--interval", "1ms"}, exitUsage, "", "--interval: 1ms is not allowed"},
		{[]string{"emit"}, exitFailed, "", "which event?"},
		{[]string{"drain"}, exitFailed, "", "which node?"},
		{[]string{"help", "nodes"}, exitOK, "MESH_OPS_URL", ""},
		{[]string{"bench-server", "--kind", "dance"}, exitUsage, "", "mesh, alone or baseline"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := run(t.Context(), c.args, &out, &errOut); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.out) || (c.out == "") != (out.Len() == 0) {
				t.Errorf("stdout %q, want %q", out.String(), c.out)
			}
			if !strings.Contains(errOut.String(), c.err) || (c.err == "") != (errOut.Len() == 0) {
				t.Errorf("stderr %q, want %q", errOut.String(), c.err)
			}
		})
	}
}

func TestFlagsReadTheEnvironment(t *testing.T) {
	clearEnv(t)
	t.Setenv("PORT", "8123")
	t.Setenv("MESH_AUTH_TOKEN", "secret")
	t.Setenv("MESH_HOST", "") // an empty variable is none
	var port *int
	var token, host, peers *string
	var given bool
	parse := func(args ...string) error {
		c := newCommand("", "test", "", func(f *flags) action {
			port, token = f.port("port", 1, "", "PORT"), f.text("auth-token", "", "", "MESH_AUTH_TOKEN")
			host = f.text("host", "everywhere", "", "MESH_HOST")
			option := f.option("peers", "", "MESH_PEERS")
			peers = &option.value
			return func(context.Context, io.Writer, io.Writer) error { given = option.given(); return nil }
		})
		return c.Run(t.Context(), append([]string{"test"}, args...))
	}
	t.Setenv("MESH_PEERS", "ws://b:1")
	if err := parse("--auth-token", "other"); err != nil || *port != 8123 || *token != "other" || *host != "everywhere" || *peers != "" || given {
		t.Errorf("port %d, token %q, host %q, peers %q, given %t: %v", *port, *token, *host, *peers, given, err)
	}
	if err := parse("--peers", "ws://a:1"); err != nil || *peers != "ws://a:1" || !given || *token != "secret" {
		t.Errorf("peers %q, given %t, token %q: %v", *peers, given, *token, err)
	}
	var errOut bytes.Buffer
	t.Setenv("PORT", "http")
	if code := run(t.Context(), []string{"node"}, io.Discard, &errOut); code != exitUsage || !strings.Contains(errOut.String(), `PORT: "http" is not allowed: want a whole number`) {
		t.Errorf("exit code %d, %s", code, errOut.String())
	}
	if err := parse(); err == nil || !strings.Contains(err.Error(), "PORT") || !strings.Contains(err.Error(), `"http"`) {
		t.Errorf("error %v, want one that names PORT and what it is", err)
	}
}

// TestVariablesAsWritten: errors show them as they are, and flags, which win, too.
func TestVariablesAsWritten(t *testing.T) {
	t.Setenv("PORT", "0")
	for _, c := range []struct{ variable, value, command, flag, want string }{
		{"MESH_BENCH_DURATION", "90m0.0s", "bench", "", "MESH_BENCH_DURATION: 90m0.0s is not allowed: want 100ms to 1h"},
		{"MESH_BENCH_DURATION", "90m", "bench", "--duration=1ms", "--duration: 1ms is not allowed"},
		{"MESH_BENCH_NODES", "00", "bench", "", "MESH_BENCH_NODES: 00 is not allowed: want 1 to 1000"},
		{"MESH_HEARTBEAT_INTERVAL", "-5000ms", "node", "", "MESH_HEARTBEAT_INTERVAL: -5000ms is not allowed"},
		{"MESH_HEARTBEAT_INTERVAL", "5", "node", "", `MESH_HEARTBEAT_INTERVAL: "5" is not allowed: want a duration`},
	} {
		t.Run(c.variable, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			args := []string{c.command}
			if c.flag != "" {
				args = append(args, c.flag)
			}
			var errOut bytes.Buffer
			if code := run(t.Context(), args, io.Discard, &errOut); code != exitUsage || !strings.Contains(errOut.String(), c.want) {
				t.Errorf("exit code %d, %s; want %s", code, errOut.String(), c.want)
			}
		})
	}
}

// TestEveryFlagHasAVariable: that is the promise.
func TestEveryFlagHasAVariable(t *testing.T) {
	for _, c := range commands() {
		for _, f := range c.Flags {
			if doc, ok := f.(cli.DocGenerationFlag); !ok || len(doc.GetEnvVars()) == 0 || doc.GetUsage() == "" {
				t.Errorf("mesh %s: flag %v without a variable or a usage", c.Name, f.Names())
			}
		}
	}
}

// TestShellCompletion: scripts for all shells, and what they ask for. (Of the root the library completes
// the process's own arguments, which are those of go test here.)
func TestShellCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "pwsh"} {
		var out bytes.Buffer
		if code := run(t.Context(), []string{"completion", shell}, &out, io.Discard); code != exitOK || out.Len() == 0 {
			t.Errorf("%s: exit code %d, %d bytes", shell, code, out.Len())
		}
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"node", "--mesh", "--generate-shell-completion"}, &out, io.Discard); code != exitOK || !strings.Contains(out.String(), "--mesh-listen") {
		t.Errorf("exit code %d, %q, want --mesh-listen", code, out.String())
	}
}

func TestDiscoveryCommand(t *testing.T) {
	clearEnv(t)
	out, stop := background(t, "discovery", "--host", "127.0.0.1", "--port", "0", "--log-level", "error")
	line := out.find("discovery service on ws://")
	if conn, err := net.Dial("tcp", after(line, "ws://")); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestTakenPorts: the message names the port that is taken, whichever it is, and
// nothing is left behind.
func TestTakenPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for _, args := range [][]string{
		{"demo", "--nodes", "1", "--port", port, "--mesh-port", "0", "--discovery-port", "0"},
		{"demo", "--nodes", "1", "--port", "0", "--mesh-port", port, "--discovery-port", "0"},
		{"demo", "--nodes", "1", "--port", "0", "--mesh-port", "0", "--discovery-port", port},
		{"node", "--port", port},
		{"discovery", "--host", "127.0.0.1", "--port", port, "--log-level", "error"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			clearEnv(t)
			var errOut bytes.Buffer
			if code := run(t.Context(), args, io.Discard, &errOut); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if want := "127.0.0.1:" + port + " is taken"; !strings.Contains(errOut.String(), want) {
				t.Errorf("stderr %q, want %q", errOut.String(), want)
			}
		})
	}
}

// clearEnv hides the variables of whoever runs the tests.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "MESH_") || name == "PORT" {
			t.Setenv(name, "")
		}
	}
}

// background runs a command, and gives what it prints line by line and a way to
// stop it as Ctrl-C does.
func background(t *testing.T, args ...string) (*lines, func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan int, 1)
	go func() {
		code := run(ctx, args, writer, testWriter{t})
		writer.Close()
		done <- code
	}()
	out := &lines{t: t, c: make(chan string)}
	go func() {
		defer close(out.c)
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			out.c <- scanner.Text()
		}
	}()
	stopped := false
	stop := func() int {
		if stopped {
			return exitOK
		}
		stopped = true
		cancel()
		for range out.c { // all it still says
		}
		return <-done
	}
	t.Cleanup(func() { stop() })
	return out, stop
}

// lines are what a command prints.
type lines struct {
	t *testing.T
	c chan string
}

// find returns the next line that has text in it.
func (l *lines) find(text string) string {
	l.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-l.c:
			if !ok {
				l.t.Fatalf("the command ended before it said %q", text)
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			l.t.Fatalf("the command did not say %q", text)
		}
	}
}

// after is the word that begins behind mark.
func after(line, mark string) string {
	_, rest, _ := strings.Cut(line, mark)
	word, _, _ := strings.Cut(rest, " ")
	return strings.TrimSuffix(word, ")")
}

// testWriter sends what a command reports to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}
