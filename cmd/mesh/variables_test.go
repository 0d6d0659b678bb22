package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/socketmesh/mesh/bench"
	"github.com/socketmesh/mesh/internal/env"
)

// TestVariablesAreKnown: no variable of a flag is taken for a misspelt one.
func TestVariablesAreKnown(t *testing.T) {
	for _, command := range slices.Concat(commands(), roles()) {
		for _, f := range command.Flags {
			doc, ok := f.(cli.DocGenerationFlag)
			if !ok {
				continue
			}
			for _, name := range doc.GetEnvVars() {
				if unknown := env.Unknown([]string{name + "=x"}); len(unknown) > 0 {
					t.Errorf("%s of mesh %s is not in package env", name, command.Name)
				}
			}
		}
	}
}

// TestFlagsAsPeopleWriteThem: sizes, numbers and durations of flags and of their variables.
func TestFlagsAsPeopleWriteThem(t *testing.T) {
	clearEnv(t)
	t.Setenv("MESH_BENCH_CLIENTS", "262,144")
	var settings func() bench.Settings
	c := newCommand("", "test", "", func(f *flags) action {
		settings = benchSettings(f)
		return func(context.Context, io.Writer, io.Writer) error { return nil }
	})
	if err := c.Run(t.Context(), []string{"test", "--size", "16KiB", "--rate=10k", "--duration", "1d"}); err != nil {
		t.Fatal(err)
	}
	s := settings()
	if s.Size != 16<<10 || s.Rate != 10_000 || s.Clients != 262_144 || s.Duration != 24*time.Hour || s.Nodes != 3 || s.Warmup != time.Second {
		t.Errorf("%+v", s)
	}
}

// TestNodeWarnsWhereItLogs: of a variable that nobody reads, in the format of its log.
func TestNodeWarnsWhereItLogs(t *testing.T) {
	clearEnv(t)
	t.Setenv("MESH_PEER", "ws://127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it stops as soon as it has started
	var errOut bytes.Buffer
	args := []string{"node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1", "--ops-listen", "none", "--log-format", "json", "--drain-time", "0s"}
	run(ctx, args, io.Discard, &errOut)
	if !strings.Contains(errOut.String(), `"variable":"MESH_PEER","did_you_mean":"MESH_PEERS"`) {
		t.Error(errOut.String())
	}
}

// TestLogFormat: JSON is an object a line.
func TestLogFormat(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"hello"`, "text": "msg=hello"} {
		var out bytes.Buffer
		var f flags
		logger := logFlag(&f, "info")
		for _, one := range f.list {
			one.(*cli.StringFlag).PreParse()
			if one.Names()[0] == "log-format" {
				one.Set("log-format", format)
			}
		}
		log, err := logger(&out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("hello")
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}
