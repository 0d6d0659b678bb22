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
	"github.com/socketmesh/mesh/internal/advertise"
)

// demo is a mesh on one machine: a discovery service in this process, and servers in
// separate processes, so that one can be killed while the others go on.
type demo struct {
	discovery *service.Server
	servers   []*demoProcess
	ended     chan *demoProcess // servers whose process has ended
	note      string            // says which secrets were generated
	add       string            // command line that adds a server; "" if none can join
}

// demoOptions are the flags of `mesh demo`. Server i takes port + i and
// meshPort + i; a port of 0 means free ones.
type demoOptions struct {
	nodes                         int
	host                          string
	port, meshPort, discoveryPort int
	token                         string
	stack                         mesh.Config // Transport, Codec and TLS
	log                           logSettings
	made                          demoSecrets
}

func demoCommand(f *flags) action {
	nodes := f.number("nodes", 3, "how many servers", "MESH_DEMO_NODES")
	host := f.text("host", "127.0.0.1", "address on which everything listens", "MESH_HOST")
	port := f.port("port", 3000, "port of the first server's page; the others follow; 0: free ports", "MESH_DEMO_PORT")
	meshPort := f.port("mesh-port", 4000, "port on which the first server accepts the others; 0: free ports", "MESH_DEMO_MESH_PORT")
	discoveryPort := f.port("discovery-port", 8000, "port of the discovery service; 0: a free one", "MESH_DEMO_DISCOVERY_PORT")
	token := f.text("auth-token", "", "secret that servers must know to join", "MESH_AUTH_TOKEN")
	stack := declareStack(f)
	settings := declareLog(f, "warn")
	return func(ctx context.Context, out, errOut io.Writer) error {
		o := demoOptions{nodes: *nodes, host: *host, port: *port, meshPort: *meshPort, discoveryPort: *discoveryPort, token: *token, log: settings}
		stack.apply(&o.stack)
		if err := o.validate(); err != nil {
			return err
		}
		errOut = &sharedWriter{out: errOut} // servers write to it, too
		log, err := settings.logger(errOut)
		if err != nil {
			return err
		}
		warnOfUnknown(log)
		d, err := startDemo(ctx, o, log, errOut)
		if err != nil {
			return err
		}
		defer d.shutdown(errOut)
		d.print(out)
		d.watch(ctx, out)
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

// startDemo starts everything or nothing.
func startDemo(ctx context.Context, o demoOptions, log *slog.Logger, errOut io.Writer) (*demo, error) {
	if err := o.makeUp(); err != nil {
		return nil, err
	}
	d := &demo{note: o.made.note(), ended: make(chan *demoProcess, o.nodes), discovery: service.NewServer(service.ServerOptions{
		Listen:    net.JoinHostPort(o.host, strconv.Itoa(o.discoveryPort)),
		AuthToken: o.token,
		Logger:    log.With("server", "discovery"),
	})}
	if err := d.discovery.Start(ctx); err != nil {
		return nil, fmt.Errorf("discovery service: %w", explainTaken(err))
	}
	discovery := "ws://" + advertise.Local(d.discovery.Addr())
	d.add = o.addCommand(discovery, o.made.Token)
	if err := d.startServers(ctx, o, discovery, errOut); err != nil {
		d.shutdown(io.Discard)
		return nil, err
	}
	return d, nil
}

// startServers starts all servers at once, and waits until all run.
func (d *demo) startServers(ctx context.Context, o demoOptions, discovery string, errOut io.Writer) error {
	for i := range o.nodes {
		setup := demoSetup{Host: o.host, Port: nth(o.port, i), Mesh: o.server(i, discovery), Made: o.made, Log: o.log}
		if d.add != "" {
			setup.Add = o.addCommand(discovery, "") // without the token, because the page shows it
		}
		p, err := startDemoProcess(setup, errOut, d.ended)
		if err != nil {
			return fmt.Errorf("server %d: %w", i+1, err)
		}
		p.number = i + 1
		d.servers = append(d.servers, p)
	}
	for _, p := range d.servers {
		if err := p.waitReady(ctx); err != nil {
			return fmt.Errorf("server %d: %w", p.number, err)
		}
	}
	return nil
}

// server returns the configuration of server i, without generated certificates.
func (o demoOptions) server(i int, discovery string) mesh.Config {
	config := o.stack
	config.Listen = net.JoinHostPort(o.host, strconv.Itoa(nth(o.meshPort, i)))
	config.DiscoveryAddress = discovery
	config.AuthToken = o.token
	config.OpsListen = net.JoinHostPort(o.host, strconv.Itoa(opsPortBeside(nth(o.meshPort, i))))
	config.OpsWritable = advertise.IsLoopback(o.host)
	return config
}

// nth returns the port of server i; 0 stays 0.
func nth(first, i int) int {
	if first == 0 {
		return 0
	}
	return first + i
}

func (d *demo) print(out io.Writer) {
	fmt.Fprintf(out, "%d servers, one mesh. Open two of the pages and type.\n\n", len(d.servers))
	for _, p := range d.servers {
		fmt.Fprintf(out, "  server %d   %s   (mesh %s)   process %d\n", p.number, p.ready.URL, p.ready.Mesh, p.id())
	}
	if d.note != "" {
		fmt.Fprintf(out, "  %s\n", d.note)
	}
	fmt.Fprintf(out, "  discovery  ws://%s\n", advertise.Local(d.discovery.Addr()))
	fmt.Fprintf(out, "  operators  %s   (as: mesh nodes --url %[1]s)\n", d.servers[0].ready.Ops)
	fmt.Fprintf(out, "  admin page %s%s\n", d.servers[0].ready.Ops, adminPath)
	if d.add != "" {
		fmt.Fprintf(out, "\nOne more server joins with\n\n  %s\n", d.add)
	}
	fmt.Fprint(out, "\nKill one of the processes, or stop it on its page: the others go on. Ctrl-C stops all.\n")
}

// watch reports servers that end, until ctx ends.
func (d *demo) watch(ctx context.Context, out io.Writer) {
	for left := len(d.servers); ; {
		select {
		case <-ctx.Done():
			return
		case p := <-d.ended:
			left--
			fmt.Fprintf(out, "server %d   %s   %s; %d of %d servers are left\n", p.number, p.ready.URL, p.how(), left, len(d.servers))
		}
	}
}

func (d *demo) shutdown(errOut io.Writer) {
	stopDemoProcesses(d.servers, errOut)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if err := d.discovery.Shutdown(ctx); err != nil {
		fmt.Fprintf(errOut, "mesh: discovery service: %v\n", err)
	}
}
