package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/internal/commas"
)

func nodeCommand(f *flags) action {
	host := f.text("host", "127.0.0.1", "address on which the page is served", "MESH_HOST")
	port := f.port("port", 3000, "port of the page; 0: a free one", "PORT")
	listen := f.option("mesh-listen", "where other servers are accepted, as 127.0.0.1:4003 (default :4000)", "MESH_LISTEN", "MESH_WS_PORT")
	advertise := f.option("advertise", "where other servers reach this one, as ws://10.0.0.7:4003 or //10.0.0.7:0", "MESH_ADVERTISE", "MESH_SERVER_WS_ADDRESS", "MESH_WS_IP")
	discovery := f.option("discovery", "URL of the discovery service, or several, separated by commas (default ws://localhost:8000); dns:host:port or dns:_service._tcp.host; or gossip", "MESH_DISCOVERY_ADDRESS", "MESH_DISCOVERY_SERVICE_ADDRESS")
	peers := f.option("peers", "addresses of the other servers instead, as ws://a:4000,ws://b:4000", "MESH_PEERS")
	gossip := declareGossip(f)
	opsListen := f.option("ops-listen", fmt.Sprintf("where operators are served, or none (default %s, or a free port if that is taken)", defaultOpsListen(opsPort)), "MESH_OPS_LISTEN")
	stack := declareStack(f)
	tokens := declareTokens(f)
	drainTime := f.duration("drain-time", 30*time.Second, "how long clients are sent away, some at a time, before the server stops; 0: all at once", "MESH_DRAIN_TIME")
	logger := logFlag(f, "info")
	return func(ctx context.Context, out, errOut io.Writer) error {
		log, err := logger(errOut)
		if err != nil {
			return err
		}
		// The environment also sets the options that have no flags.
		config, err := mesh.ConfigFromEnv()
		if err != nil {
			return err
		}
		stack.apply(&config)
		if listen.given() {
			config.Listen = listen.value
		}
		if advertise.given() {
			config.Advertise = advertise.value
		}
		tokens.apply(&config)
		if opsListen.given() {
			config.OpsListen = opsListen.value
		}
		config.OpsListen = chooseOpsListen(config.OpsListen, opsPort)
		// A flag for one way of finding peers also replaces the other way that the
		// environment configures.
		if discovery.given() || peers.given() {
			config.Discovery = ""
			config.DiscoveryAddress = discovery.value
			if name, ok := strings.CutPrefix(discovery.value, "dns:"); ok {
				config.Discovery, config.DiscoveryAddress = mesh.DiscoveryDNS, name
			}
			if discovery.value == gossipName {
				config.Discovery, config.DiscoveryAddress = gossipName, ""
			}
			config.Peers = commas.Split(peers.value)
			if peers.given() && len(config.Peers) == 0 {
				return usageError("--peers", peers.value, "addresses separated by commas, such as ws://10.0.0.7:4000")
			}
		}
		var with []mesh.Option
		if config.Discovery == gossipName {
			d, err := gossip.discovery(tokens, log)
			if err != nil {
				return err
			}
			with = append(with, mesh.WithDiscovery(d))
		} else if err := gossip.unused(); err != nil {
			return err
		}
		s, err := startServer(ctx, serverOptions{host: *host, port: *port, mesh: config, with: with, log: log})
		if err != nil {
			return err
		}
		defer shutdownAll([]*server{s}, errOut)
		fmt.Fprintf(out, "  server     %s   (mesh %s)\n", s.url, s.mesh.Advertised())
		if s.mesh.OpsAddr() != "" {
			fmt.Fprintf(out, "  operators  %s   (as: mesh nodes --url %[1]s)\n", opsURL(s.mesh.OpsAddr(), *stack.tls.cert != ""))
		}
		fmt.Fprint(out, "\nCtrl-C stops.\n")
		<-ctx.Done()
		fmt.Fprintln(out, "\nstopping")
		s.drain(*drainTime, errOut)
		return nil
	}
}
