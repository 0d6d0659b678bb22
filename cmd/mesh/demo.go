package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/discovery/service"
)

// demo is a mesh in one process: a discovery service, and servers that are as
// far from each other as if they ran on different machines.
type demo struct {
	discovery *service.Server
	servers   []*server
	note      string // what was made up
	opsURL    string // of the first server
}

// demoOptions are the flags of `mesh demo`. Server i takes port + i and
// meshPort + i; a port of 0 means free ones.
type demoOptions struct {
	nodes                         int
	host                          string
	port, meshPort, discoveryPort int
	token                         string
	stack                         mesh.Config // Transport, Codec and TLS
}

func demoCommand(f *flags) action {
	nodes := f.number("nodes", 3, "how many servers", "MESH_DEMO_NODES")
	host := f.text("host", "127.0.0.1", "address on which everything listens", "MESH_HOST")
	port := f.port("port", 3000, "port of the first server's page; the others follow; 0: free ports", "MESH_DEMO_PORT")
	meshPort := f.port("mesh-port", 4000, "port on which the first server accepts the others; 0: free ports", "MESH_DEMO_MESH_PORT")
	discoveryPort := f.port("discovery-port", 8000, "port of the discovery service; 0: a free one", "MESH_DEMO_DISCOVERY_PORT")
	token := f.text("auth-token", "", "secret that servers must know to join", "MESH_AUTH_TOKEN")
	stack := declareStack(f)
	logger := logFlag(f, "warn")
	return func(ctx context.Context, out, errOut io.Writer) error {
		o := demoOptions{nodes: *nodes, host: *host, port: *port, meshPort: *meshPort, discoveryPort: *discoveryPort, token: *token}
		stack.apply(&o.stack)
		if err := o.validate(); err != nil {
			return err
		}
		log, err := logger(errOut)
		if err != nil {
			return err
		}
		warnOfUnknown(log)
		d, err := startDemo(ctx, o, log)
		if err != nil {
			return err
		}
		defer d.shutdown(errOut)
		d.print(out)
		<-ctx.Done()
		fmt.Fprintln(out, "\nstopping")
		return nil
	}
}

func (o demoOptions) validate() error {
	if o.nodes < 1 || o.nodes > 100 {
		return usageError("--nodes", o.nodes, "1 to 100")
	}
	for _, p := range []struct {
		flag  string
		first int
	}{{"--port", o.port}, {"--mesh-port", o.meshPort}} {
		if last := p.first + o.nodes - 1; p.first != 0 && last > 65535 {
			return usageError(p.flag, p.first, fmt.Sprintf("at most %d, for there are %d servers", 65536-o.nodes, o.nodes))
		}
	}
	return nil
}

// startDemo starts all of it or nothing.
func startDemo(ctx context.Context, o demoOptions, log *slog.Logger) (*demo, error) {
	note, err := o.makeUp()
	if err != nil {
		return nil, err
	}
	d := &demo{note: note, discovery: service.NewServer(service.ServerOptions{
		Listen:    net.JoinHostPort(o.host, strconv.Itoa(o.discoveryPort)),
		AuthToken: o.token,
		Logger:    log.With("server", "discovery"),
	})}
	if err := d.discovery.Start(ctx); err != nil {
		return nil, fmt.Errorf("discovery service: %w", explainTaken(err))
	}
	for i := range o.nodes {
		config := o.stack
		config.Listen = net.JoinHostPort(o.host, strconv.Itoa(nth(o.meshPort, i)))
		config.DiscoveryAddress = "ws://" + reachable(d.discovery.Addr())
		config.AuthToken = o.token
		config.OpsListen = net.JoinHostPort(o.host, strconv.Itoa(opsPortBeside(nth(o.meshPort, i))))
		config.OpsWritable = isLoopback(o.host)
		s, err := startServer(ctx, serverOptions{host: o.host, port: nth(o.port, i), log: log, mesh: config})
		if err != nil {
			d.shutdown(io.Discard)
			return nil, fmt.Errorf("server %d: %w", i+1, err)
		}
		d.servers = append(d.servers, s)
	}
	d.opsURL = opsURL(d.servers[0].mesh.OpsAddr(), o.stack.TLS.CertFile != "")
	return d, nil
}

// nth is the port of server i: 0 stays 0.
func nth(first, i int) int {
	if first == 0 {
		return 0
	}
	return first + i
}

func (d *demo) print(out io.Writer) {
	fmt.Fprintf(out, "%d servers, one mesh. Open two of the pages and type.\n\n", len(d.servers))
	for i, s := range d.servers {
		fmt.Fprintf(out, "  server %d   %s   (mesh %s)\n", i+1, s.url, s.mesh.Advertised())
	}
	if d.note != "" {
		fmt.Fprintf(out, "  %s\n", d.note)
	}
	fmt.Fprintf(out, "  discovery  ws://%s\n", reachable(d.discovery.Addr()))
	fmt.Fprintf(out, "  operators  %s   (as: mesh nodes --url %[1]s)\n\nCtrl-C stops.\n", d.opsURL)
}

func (d *demo) shutdown(errOut io.Writer) {
	shutdownAll(d.servers, errOut)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if err := d.discovery.Shutdown(ctx); err != nil {
		fmt.Fprintf(errOut, "mesh: discovery service: %v\n", err)
	}
}
