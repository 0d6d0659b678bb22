package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/socketmesh/mesh/bench"
	"github.com/socketmesh/mesh/bench/cluster"
	"github.com/socketmesh/mesh/bench/link"
	"github.com/socketmesh/mesh/internal/commas"
)

// benchCommand measures clusters of the mesh and of others.
func benchCommand(f *flags) action {
	s := benchSettings(f)
	compare := f.text("compare", "", "what is measured, in turn: "+strings.Join(presetNames(), ", ")+"; links: "+strings.Join(link.Kinds, ", ")+" (default mesh, and all links)", "MESH_BENCH_COMPARE")
	rounds := f.number("rounds", 1, "how often each is measured; medians are shown", "MESH_BENCH_ROUNDS")
	urls := f.text("urls", "", "servers that run already, instead: http://a:3000,http://b:3000", "MESH_BENCH_URLS")
	transport := f.text("transport", "", "transport of our servers' mesh (default ws)", "MESH_TRANSPORT")
	codec := f.text("codec", "", "codec of our servers' mesh (default json)", "MESH_CODEC")
	routing := f.text("routing", "", "routing of our servers' mesh: all or interest (default all)", "MESH_ROUTING")
	maxConnecting := f.number("max-connecting", 0, "clients that may be connecting to one of our servers at once; 0: the default, 8192; below 0: no bound, as ungated", "MESH_BENCH_MAX_CONNECTING")
	pingInterval := f.duration("ping-interval", 0, "between our servers' pings to a client; 0: 25 s", "MESH_BENCH_PING_INTERVAL")
	pingTimeout := f.duration("ping-timeout", 0, "how long a client of ours may take to answer one; 0: 20 s", "MESH_BENCH_PING_TIMEOUT")
	processors := f.number("server-cpus", 0, "processors that one of our servers uses at a time; 0: all", "MESH_BENCH_SERVER_CPUS")
	folder := f.text("folder", "", "where others' servers are (default: the folder bench of this checkout)", "MESH_BENCH_FOLDER")
	file := f.text("json", "", "file for the results as JSON; -: instead of the table", "MESH_BENCH_JSON")
	legend := f.boolean("legend", "say below the table what its columns are (default: on a terminal)", "MESH_BENCH_LEGEND")
	return profiled(f, func(ctx context.Context, out, errOut io.Writer) error {
		settings := s()
		if err := settings.Validate(); err != nil {
			return err
		}
		kinds, err := benchKinds(settings.Mode, *compare, *urls)
		if err != nil {
			return err
		}
		if *rounds < 1 || *rounds > 100 {
			return usageError("--rounds", *rounds, "1 to 100")
		}
		if *processors < 0 || *processors > 1024 {
			return usageError("--server-cpus", *processors, "0 to 1024")
		}
		serverFlags := map[string]string{"--transport": *transport, "--codec": *codec, "--routing": *routing}
		if *maxConnecting != 0 {
			serverFlags["--max-connecting"] = strconv.Itoa(*maxConnecting)
		}
		for flag, d := range map[string]time.Duration{"--ping-interval": *pingInterval, "--ping-timeout": *pingTimeout} {
			if d != 0 && (d < 10*time.Millisecond || d > time.Hour) {
				return usageError(flag, d, "10ms to 1h, or 0 for the library's own")
			}
			if d != 0 {
				serverFlags[flag] = d.String()
			}
		}
		setup, err := benchSetup(*folder, serverFlags, errOut)
		if err != nil {
			return err
		}
		setup.Cluster.Processors = *processors
		setup.URLs = commas.Split(*urls)
		comparison, err := bench.Compare(ctx, kinds, *rounds, settings, setup)
		if err != nil && ctx.Err() != nil {
			err = errInterrupted
		}
		return errors.Join(err, writeComparison(comparison, *file, *legend || isTerminal(out), out))
	})
}

// errInterrupted says that a signal has ended the run. The table shows what was measured.
var errInterrupted = errors.New("interrupted before everything was measured")

// benchSettings declares the flags of a run.
func benchSettings(f *flags) func() bench.Settings {
	mode := f.argument("mode", string(bench.Throughput), "throughput, latency, idle (connections), requests (fetchSockets), storm (newcomers) or links; may come first, as in mesh bench idle", "MESH_BENCH_MODE")
	nodes := f.number("nodes", 3, "servers", "MESH_BENCH_NODES")
	clients := f.number("clients", 300, "clients of all servers", "MESH_BENCH_CLIENTS")
	workers := f.number("workers", 0, "client processes; 0: as few as can hold the clients", "MESH_BENCH_WORKERS")
	rooms := f.number("rooms", 1, "rooms, which share the clients", "MESH_BENCH_ROOMS")
	perClient := f.number("rooms-per-client", 1, "rooms that each client is in", "MESH_BENCH_ROOMS_PER_CLIENT")
	publishers := f.number("publishers", 1, "clients that publish", "MESH_BENCH_PUBLISHERS")
	size := f.size("size", 100, "bytes of a payload", "MESH_BENCH_SIZE")
	window := f.number("window", 0, "throughput: messages of a publisher that may be under way; 0: 512, or what comes to 64 MiB", "MESH_BENCH_WINDOW")
	rate := f.number("rate", 200, "latency: messages per second", "MESH_BENCH_RATE")
	polling := f.boolean("polling", "clients begin by polling, and upgrade", "MESH_BENCH_POLLING")
	portable := f.boolean("portable", "clients without epoll, as on systems other than Linux", "MESH_BENCH_PORTABLE")
	connectRate := f.number("connect-rate", 0, "connections per second; 0: as fast as it goes", "MESH_BENCH_CONNECT_RATE")
	inFlight := f.number("in-flight", 128, "connections that a client process makes at once", "MESH_BENCH_IN_FLIGHT")
	sources := f.number("sources", 0, "loopback addresses that clients use; 0: as many as needed", "MESH_BENCH_SOURCES")
	broadcasts := f.number("broadcasts", 3, "idle: messages to everybody", "MESH_BENCH_BROADCASTS")
	present := f.number("present", 2000, "storm: clients that are there before the others come", "MESH_BENCH_PRESENT")
	newcomers := f.number("newcomers", 10000, "storm: clients that come as fast as the machine lets them", "MESH_BENCH_NEWCOMERS")
	atOnce := f.number("at-once", 0, "storm: newcomers that are connecting at a time; 0: all that are not in", "MESH_BENCH_AT_ONCE")
	within := f.duration("within", 2*time.Minute, "storm: when newcomers that are not in are given up", "MESH_BENCH_WITHIN")
	warmup := f.duration("warmup", time.Second, "how long it runs before it is measured", "MESH_BENCH_WARMUP")
	length := f.duration("duration", 5*time.Second, "how long it is measured", "MESH_BENCH_DURATION")
	connectTimeout := f.duration("connect-timeout", 10*time.Second, "when a connection that is being made counts as stalled", "MESH_BENCH_CONNECT_TIMEOUT")
	rest := f.duration("rest", 5*time.Second, "idle: how long new connections are left alone before memory is measured", "MESH_BENCH_REST")
	hold := f.duration("hold", 0, "idle: how long connections are kept at the end", "MESH_BENCH_HOLD")
	return func() bench.Settings {
		return bench.Settings{
			Mode: bench.Mode(*mode), Nodes: *nodes, Clients: *clients, Workers: *workers, Rooms: *rooms, RoomsPerClient: *perClient,
			Publishers: *publishers, Size: *size, Window: *window, Rate: float64(*rate), Polling: *polling, Portable: *portable,
			ConnectRate: float64(*connectRate), InFlight: *inFlight, Sources: *sources, Broadcasts: *broadcasts,
			Warmup: *warmup, Duration: *length, Rest: *rest, ConnectTimeout: *connectTimeout, Hold: *hold,
			Present: *present, Newcomers: *newcomers, AtOnce: *atOnce, Within: *within,
		}
	}
}

func presetNames() []string {
	var names []string
	for _, p := range cluster.Presets() {
		names = append(names, p.Name)
	}
	return names
}

// benchKinds returns the configurations to measure.
func benchKinds(mode bench.Mode, compare, urls string) ([]string, error) {
	known, ordinary := presetNames(), []string{"mesh"}
	check := func(kind string) error {
		_, err := cluster.FindPreset(kind)
		return err
	}
	if mode == bench.Links {
		known, ordinary, check = link.Kinds, link.Kinds, link.Check
	} else if urls != "" {
		return []string{"urls"}, nil
	}
	kinds := commas.Split(compare)
	if len(kinds) == 0 {
		return ordinary, nil
	}
	for _, kind := range kinds {
		if check(kind) != nil {
			return nil, usageError("--compare", kind, strings.Join(known, ", "))
		}
	}
	return kinds, nil
}

// writeComparison writes the table, and the JSON if a file is given.
func writeComparison(c *bench.Comparison, file string, legend bool, out io.Writer) error {
	if file != "-" {
		if err := c.WriteTable(out, legend); err != nil || file == "" {
			return err
		}
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if file == "-" {
		_, err = out.Write(text)
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}
