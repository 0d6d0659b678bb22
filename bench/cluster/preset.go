package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Preset is a kind of cluster.
type Preset struct {
	Name  string
	About string
	// Single kinds have only one server, because their servers cannot form a cluster.
	Single bool
	// redis kinds need a Redis.
	redis bool
	// mesh kinds need a discovery service.
	mesh bool
	// inOne kinds run all servers in one process tree.
	inOne bool
	// prepare builds what is missing, once.
	prepare func(ctx context.Context, o *Options) error
	// command starts a server, or all of them if they are in one process tree.
	command func(o *Options, e environment) *exec.Cmd
}

// environment is what servers connect to.
type environment struct {
	servers   int
	redis     string // URL
	discovery string // URL
	token     string // of the mesh
}

// Presets are all kinds, by name.
func Presets() []Preset {
	return []Preset{
		{Name: "mesh", About: "our servers, one mesh; mesh:quic/proto/interest for another transport, codec or routing", mesh: true,
			command: func(o *Options, e environment) *exec.Cmd { return meshServer(o, e) }},
		{Name: "ungated", About: "our servers, one mesh, that let clients in as they come, without a bound", mesh: true,
			command: func(o *Options, e environment) *exec.Cmd { return meshServer(o, e, "--max-connecting=-1") }},
		{Name: "alone", About: "our server without a mesh: the host library with its in-memory adapter", Single: true,
			command: func(o *Options, _ environment) *exec.Cmd { return o.own("--kind", "alone") }},
		{Name: "baseline", About: "bare gorilla WebSockets with coalescing queues: what a server costs at least", Single: true,
			command: func(o *Options, _ environment) *exec.Cmd { return o.own("--kind", "baseline") }},
		{Name: "node", About: "Node's socket.io with its in-memory adapter", Single: true,
			prepare: prepareNode, command: func(o *Options, _ environment) *exec.Cmd { return o.node("--adapter", "memory") }},
		{Name: "node-redis", About: "Node's socket.io with @socket.io/redis-adapter", redis: true,
			prepare: prepareNode, command: func(o *Options, e environment) *exec.Cmd {
				return o.node("--adapter", "redis", "--redis", e.redis)
			}},
		{Name: "node-cluster", About: "Node's socket.io with @socket.io/cluster-adapter, servers as workers of one process", inOne: true,
			prepare: prepareNode, command: func(o *Options, e environment) *exec.Cmd {
				return o.node("--adapter", "cluster", "--servers", strconv.Itoa(e.servers))
			}},
		{Name: "zishang", About: "zishang520's socket.io with its in-memory adapter", Single: true,
			prepare: prepareZishang, command: func(o *Options, _ environment) *exec.Cmd { return o.zishang("--adapter", "memory") }},
		{Name: "zishang-redis", About: "zishang520's socket.io with its Redis adapter", redis: true,
			prepare: prepareZishang, command: func(o *Options, e environment) *exec.Cmd {
				return o.zishang("--adapter", "redis", "--redis", strings.TrimPrefix(e.redis, "redis://"))
			}},
	}
}

// FindPreset finds a kind by name. Behind a colon, as in mesh:quic/proto/interest, are the
// transport, the codec and the routing of a mesh; the routing may stand alone.
func FindPreset(name string) (Preset, error) {
	kind, parts, custom := strings.Cut(name, ":")
	var known []string
	for _, p := range Presets() {
		if p.Name != kind {
			known = append(known, p.Name)
			continue
		}
		if !custom {
			return p, nil
		}
		if !p.mesh {
			return Preset{}, fmt.Errorf("%q: only mesh takes a transport, a codec and a routing", name)
		}
		flags := meshFlags(parts)
		p.Name = name
		plain := p.command
		p.command = func(o *Options, e environment) *exec.Cmd {
			mine := *o
			mine.MeshFlags = append(append([]string{}, o.MeshFlags...), flags...)
			return plain(&mine, e)
		}
		return p, nil
	}
	return Preset{}, fmt.Errorf("there is no configuration %q; there are %s", name, strings.Join(known, ", "))
}

func meshServer(o *Options, e environment, more ...string) *exec.Cmd {
	args := []string{"--kind", "mesh", "--discovery", e.discovery, "--auth-token", e.token}
	return o.own(slices.Concat(args, o.MeshFlags, more)...)
}

// meshFlags returns our servers' flags for the part behind the colon.
func meshFlags(parts string) []string {
	var flags []string
	names := []string{"--transport", "--codec", "--routing"}
	for part := range strings.SplitSeq(parts, "/") {
		if part == "interest" || part == "all" {
			names = names[len(names)-1:]
		}
		if len(names) == 0 {
			break
		}
		if part != "" {
			flags = append(flags, names[0], part)
		}
		names = names[1:]
	}
	return flags
}
