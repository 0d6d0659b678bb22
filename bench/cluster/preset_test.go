package cluster

import (
	"slices"
	"strings"
	"testing"
)

func TestFindPreset(t *testing.T) {
	for name, want := range map[string][]string{
		"mesh":                 nil,
		"mesh:quic":            {"--transport", "quic"},
		"mesh:quic/proto":      {"--transport", "quic", "--codec", "proto"},
		"mesh:/proto":          {"--codec", "proto"},
		"mesh:interest":        {"--routing", "interest"},
		"mesh:ws/proto/all":    {"--transport", "ws", "--codec", "proto", "--routing", "all"},
		"mesh:quic/interest/x": {"--transport", "quic", "--routing", "interest"},
	} {
		p, err := FindPreset(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		o := &Options{Self: []string{"self", "server"}, MeshFlags: []string{"--given", "before"}}
		got := p.command(o, environment{discovery: "ws://d", token: "secret"}).Args
		if want := append([]string{"self", "server", "--kind", "mesh", "--discovery", "ws://d", "--auth-token", "secret", "--given", "before"}, want...); p.Name != name || !slices.Equal(got, want) {
			t.Errorf("%s: %s runs %q, want %q", name, p.Name, got, want)
		}
		if len(o.MeshFlags) != 2 {
			t.Errorf("%s has changed the options: %q", name, o.MeshFlags)
		}
	}
	for name, want := range map[string]string{"dance": "there are mesh, ungated, alone, baseline", "baseline:quic": "only mesh"} {
		if _, err := FindPreset(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestPresetsRunTheirServers(t *testing.T) {
	o := &Options{Self: []string{"self"}, Folder: "bench", MeshFlags: []string{"--given", "before"}}
	e := environment{servers: 3, redis: "redis://127.0.0.1:6000", discovery: "ws://127.0.0.1:8000"}
	for name, want := range map[string]string{
		"ungated":       "--given before --max-connecting=-1",
		"alone":         "self --kind alone",
		"baseline":      "self --kind baseline",
		"node":          "--adapter memory",
		"node-redis":    "--adapter redis --redis redis://127.0.0.1:6000",
		"node-cluster":  "--adapter cluster --servers 3",
		"zishang":       "--adapter memory",
		"zishang-redis": "--adapter redis --redis 127.0.0.1:6000",
	} {
		p, err := FindPreset(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.command(o, e).Args, " "); !strings.HasSuffix(got, want) {
			t.Errorf("%s runs %q, want %q at the end", name, got, want)
		}
		if p.About == "" {
			t.Errorf("%s says nothing about itself", name)
		}
	}
}

// TestProcessors: our servers get as many as they are given, and others' are left alone.
func TestProcessors(t *testing.T) {
	for processors, want := range map[int]bool{0: false, 1: true} {
		o := &Options{Self: []string{"self"}, Processors: processors}
		if got := slices.Contains(o.own().Env, "GOMAXPROCS=1"); got != want {
			t.Errorf("%d processors: GOMAXPROCS=1 in the environment: %t", processors, got)
		}
	}
}
