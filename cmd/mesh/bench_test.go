package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/bench"
)

// runBench runs `mesh bench` and returns what it prints.
func runBench(t *testing.T, args ...string) string {
	t.Helper()
	clearEnv(t)
	var out, errOut bytes.Buffer
	if code := run(t.Context(), append([]string{"bench", "--warmup", "50ms", "--duration", "200ms"}, args...), &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	return out.String()
}

// TestBench: servers and clients in processes of their own, several
// configurations in turn, results as JSON.
func TestBench(t *testing.T) {
	out := runBench(t, "--compare", "mesh,baseline", "--nodes", "2", "--clients", "10", "--workers", "2", "--rounds", "2", "--json", "-")
	var c bench.Comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var order []string
	for _, r := range c.Results {
		order = append(order, r.Config)
		if r.Connected != 10 || r.DeliveryCount == 0 || r.Lost+r.Duplicate+r.Late > 0 || r.Failed+r.Closed > 0 {
			t.Errorf("%s: %d connected, %d deliveries, %d lost, %d failed: %s", r.Config, r.Connected, r.DeliveryCount, r.Lost, r.Failed+r.Closed, r.Error)
		}
		if want := map[string]int{"mesh": 2, "baseline": 1}[r.Config]; r.Nodes != want {
			t.Errorf("%s: %d servers, want %d", r.Config, r.Nodes, want)
		}
		if r.Config == "mesh" && r.MeshMessages < 0.5 {
			t.Errorf("%v messages between servers for each one published", r.MeshMessages)
		}
	}
	if got := strings.Join(order, " "); got != "mesh baseline mesh baseline" {
		t.Errorf("measured %s", got)
	}
	if len(c.Summaries) != 2 || c.Summaries[1].Ratios["deliveries/s"] == 0 || c.Machine.CPUs == 0 {
		t.Errorf("summaries %+v, machine %+v", c.Summaries, c.Machine)
	}
}

// TestBenchStorm: newcomers and those that are there, with the gate and without it, in
// processes of their own; and pings in time.
func TestBenchStorm(t *testing.T) {
	out := runBench(t, "storm", "--compare", "mesh,ungated", "--nodes", "1", "--present", "10", "--newcomers", "600", "--at-once", "10",
		"--server-cpus", "1", "--ping-interval", "10ms", "--ping-timeout", "1m", "--json", "-")
	var c bench.Comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(c.Results) != 2 {
		t.Fatalf("%d results\n%s", len(c.Results), out)
	}
	for _, r := range c.Results {
		s := r.Storm
		if s == nil || s.Present != 10 || s.Lost != 0 || s.In != 600 || s.Out != 0 || s.Wait == nil || s.Probe == nil || s.PingLate == nil {
			t.Errorf("%s: %+v: %s", r.Config, s, r.Error)
		}
	}
}

// TestBenchProfiles: each server writes its own, and so does who measures.
func TestBenchProfiles(t *testing.T) {
	clearEnv(t)
	folder := filepath.Join(t.TempDir(), "profiles")
	t.Setenv("MESH_BENCH_PROFILE", folder)
	var out, errOut bytes.Buffer
	args := []string{"bench", "--nodes", "2", "--clients", "4", "--warmup", "50ms", "--duration", "100ms"}
	if code := run(t.Context(), args, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	for _, name := range []string{"cpu-*.pprof", "heap1-*.pprof"} {
		files, err := filepath.Glob(filepath.Join(folder, name))
		if err != nil || len(files) != 3 {
			t.Fatalf("%s: %v, %v", name, files, err)
		}
		for _, file := range files {
			if info, err := os.Stat(file); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v, empty: %t", file, err, info.Size() == 0)
			}
		}
	}
}

// TestBenchLinks has a link's other end in a process of its own, and writes both
// a table and a file.
func TestBenchLinks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	clearEnv(t)
	var out, errOut bytes.Buffer
	args := []string{"bench", "links", "--compare", "tcp", "--warmup", "0s", "--duration", "100ms", "--json", file}
	if code := run(t.Context(), args, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	if !strings.Contains(out.String(), "4096 B msg/s") {
		t.Errorf("table\n%s", out.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c bench.Comparison
	if err := json.Unmarshal(text, &c); err != nil || len(c.Results) != 1 || c.Results[0].Trips == nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestBenchFails with what is missing.
func TestBenchFails(t *testing.T) {
	clearEnv(t)
	for want, args := range map[string][]string{
		"run make bench-setup": {"--compare", "node", "--folder", t.TempDir()},
		"in a checkout only":   {"--compare", "zishang", "--folder", t.TempDir()},
		"no client could":      {"--urls", "http://127.0.0.1:1", "--clients", "2"},
		"too many clients":     {"--compare", "baseline", "--clients", "10000000"},
		"want a URL":           {"--urls", "127.0.0.1:1"},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append([]string{"bench"}, args...), &out, &errOut); code != exitFailed {
			t.Errorf("%v: exit code %d", args, code)
		}
		if !strings.Contains(errOut.String(), want) && !strings.Contains(errOut.String(), "node:") {
			t.Errorf("%v: stderr %q, want %q", args, errOut.String(), want)
		}
	}
}
