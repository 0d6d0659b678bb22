package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	elements, texts := contents(t, &out)
	if elements["path"] < 2+6 {
		t.Errorf("elements %v, want lines and marks", elements)
	}
	for _, want := range []string{"cost & clients", "mesh", "a<b", "clients", "server s/M", "100", "200"} {
		if !strings.Contains(strings.Join(texts, "|"), want) {
			t.Errorf("no text %q", want)
		}
	}
}

// contents are the elements of a drawing, counted by name, and its texts.
func contents(t *testing.T, svg io.Reader) (elements map[string]int, texts []string) {
	t.Helper()
	elements = map[string]int{}
	for d := xml.NewDecoder(svg); ; {
		token, err := d.Token()
		if err == io.EOF {
			return elements, texts
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
}

// samples are those of two processes.
func samples(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "soak.csv")
	text := "seconds,phase,process,goroutines,descriptors,heap,rss\n"
	for i := range 10 {
		for _, process := range []string{"discovery", "server 0"} {
			text += fmt.Sprintf("%d,churn,%s,%d,20,1048576,20971520\n", 60*i, process, 30+i)
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSoak draws four panels, and a line for each process in each.
func TestSoak(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"--soak", samples(t), "--title", "30 minutes"}, &out); err != nil {
		t.Fatal(err)
	}
	elements, texts := contents(t, &out)
	if elements["path"] < 4*2 {
		t.Errorf("elements %v, want lines", elements)
	}
	for _, want := range []string{"30 minutes: goroutines", "descriptors", "heap after a collection, MiB", "resident memory, MiB", "minutes", "discovery", "server 0"} {
		if !slices.Contains(texts, want) {
			t.Errorf("no text %q in %q", want, texts)
		}
	}
}

func TestWrongUse(t *testing.T) {
	file := results(t)
	empty := filepath.Join(t.TempDir(), "empty.csv")
	if err := os.WriteFile(empty, []byte("seconds\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"no files":         {},
		"arranged by":      {"--x", "moons", file},
		"no column \"y\"":  {"--y", "y", file},
		"no such file":     {"missing.json"},
		"not defined: -zz": {"-zz"},
		"want seconds":     {"--soak", empty},
	} {
		if err := run(args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
