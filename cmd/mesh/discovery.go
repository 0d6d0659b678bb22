package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/socketmesh/mesh/discovery/service"
)

func discoveryCommand(f *flags) action {
	host := f.text("host", "", "address on which it listens; empty: all", "MESH_HOST")
	port := f.port("port", 8000, "port on which it listens; 0: a free one", "PORT")
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
			Logger: log,
		})
		if err := s.Start(ctx); err != nil {
			return explainTaken(err)
		}
		scheme := "ws"
		if config != nil {
			scheme = "wss"
		}
		fmt.Fprintf(out, "discovery service on %s://%s\n", scheme, reachable(s.Addr()))
		operators, err := serveDiscoveryOps(ctx, s, chooseOpsListen(*opsListen, discoveryOpsPort), first(accepted), log)
		if err != nil {
			return errors.Join(explainTaken(err), stopDiscovery(s))
		}
		if operators != nil {
			defer operators.close()
			fmt.Fprintf(out, "operators on %s\n", opsURL(operators.addr(), false))
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
