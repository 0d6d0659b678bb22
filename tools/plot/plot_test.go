package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/bench"
)

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
	if elements["path"] < 2+6 {
		t.Errorf("elements %v, want lines and marks", elements)
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
