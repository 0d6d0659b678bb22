package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/internal/advertise"
)

func discoveryCommand(f *flags) action {
	host := f.text("host", "", "address on which it listens; empty: all", "MESH_HOST")
	port := f.port("port", 8000, "port on which it listens; 0: a free one", "PORT")
	maxNodes := f.number("max-nodes", service.DefaultMaxNodes, "how many servers may be registered", "MESH_DISCOVERY_MAX_NODES")
	maxPerSource := f.number("max-per-source", service.DefaultMaxPerSource, "how many connections one IP address may have; servers behind one proxy share it", "MESH_DISCOVERY_MAX_PER_SOURCE")
	tokens := declareTokens(f)
	opsListen := f.text("ops-listen", "", fmt.Sprintf("where operators are served, or none (default %s, or a free port if that is taken)", defaultOpsListen(discoveryOpsPort)), "MESH_OPS_LISTEN")
	secure := declareTLS(f)
	logger := logFlag(f, "info")
	return func(ctx context.Context, out, errOut io.Writer) error {
		log, err := logger(errOut)
		if err != nil {
			return err
		}
		warnOfUnknown(log)
		config, err := secure.server(log)
		if err != nil {
			return err
		}
		accepted, err := tokens.accepted(log)
		if err != nil {
			return err
		}
		s := service.NewServer(service.ServerOptions{
			Listen: net.JoinHostPort(*host, strconv.Itoa(*port)),
			Tokens: accepted,
			TLS:    config,

			MaxNodes:     *maxNodes,
			MaxPerSource: *maxPerSource,
			Logger:       log,
		})
		if err := s.Start(ctx); err != nil {
			return explainTaken(err)
		}
		scheme := "ws"
		if config != nil {
			scheme = "wss"
		}
		fmt.Fprintf(out, "discovery service on %s://%s\n", scheme, advertise.Local(s.Addr()))
		operators, err := serveDiscoveryOps(ctx, s, chooseOpsListen(*opsListen, discoveryOpsPort), accepted, config, log)
		if err != nil {
			return errors.Join(explainTaken(err), stopDiscovery(s))
		}
		if operators != nil {
			defer operators.Close()
			fmt.Fprintf(out, "operators on %s\n", opsURL(operators.Addr(), config != nil))
		}
		<-ctx.Done()
		return stopDiscovery(s)
	}
}

func stopDiscovery(s *service.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	return s.Shutdown(ctx)
}
