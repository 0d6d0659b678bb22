package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// results are those of two configurations with 1, 10 and 100 clients.
func results(t *testing.T) string {
	t.Helper()
	var c bench.Comparison
	for _, clients := range []int{100, 1, 10} {
		for i, config := range []string{"mesh", "a<b"} {
			c.Results = append(c.Results, bench.Result{
				Config: config, ServerCPU: float64(i+1) * float64(clients),
				Settings: bench.Settings{Mode: bench.Throughput, Clients: clients},
			})
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "results.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPlot draws, as XML that can be read, a line for each configuration.
func TestPlot(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"--x", "clients", "--title", "cost & clients", results(t)}, &out); err != nil {
		t.Fatal(err)
	}
	elements := map[string]int{}
	var texts []string
	for d := xml.NewDecoder(&out); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements[token.Name.Local]++
		case xml.CharData:
			texts = append(texts, string(token))
		}
	}
	if elements["polyline"] != 2 || elements["circle"] != 6 {
		t.Errorf("elements %v", elements)
	}
	for _, want := range []string{"cost & clients", "mesh", "a<b", "clients", "server s/M", "100", "200"} {
		if !strings.Contains(strings.Join(texts, "|"), want) {
			t.Errorf("no text %q", want)
		}
	}
}

func TestWrongUse(t *testing.T) {
	file := results(t)
	for want, args := range map[string][]string{
		"no files":         {},
		"arranged by":      {"--x", "moons", file},
		"no column \"y\"":  {"--y", "y", file},
		"no such file":     {"missing.json"},
		"not defined: -zz": {"-zz"},
	} {
		if err := run(args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, high := range []float64{0, 0.03, 0.9, 1, 4.4, 7, 99, 1234, 5e6} {
		marks := ticks(high)
		if n := len(marks); n < 2 || n > 8 || marks[0] != 0 || marks[n-1] < high {
			t.Errorf("%v: %v", high, marks)
		}
	}
	a := axis{low: 1, high: 100, from: 0, to: 10, logarithms: true}
	if got := a.place(10); math.Abs(got-5) > 1e-9 {
		t.Errorf("10 is at %v, want 5", got)
	}
}
