package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/socketmesh/mesh/discovery/service"
)

func discoveryCommand(f *flags) action {
	host := f.text("host", "", "address on which it listens; empty: all", "MESH_HOST")
	port := f.port("port", 8000, "port on which it listens; 0: a free one", "PORT")
	token := f.text("auth-token", "", "secret that servers must know to register", "MESH_AUTH_TOKEN")
	logger := logFlag(f, "info")
	return func(ctx context.Context, out, errOut io.Writer) error {
		log, err := logger(errOut)
		if err != nil {
			return err
		}
		s := service.NewServer(service.ServerOptions{
			Listen: net.JoinHostPort(*host, strconv.Itoa(*port)),
			Token:  *token,
			Logger: log,
		})
		if err := s.Start(ctx); err != nil {
			return explainTaken(err)
		}
		fmt.Fprintf(out, "discovery service on ws://%s\n", reachable(s.Addr()))
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		return s.Shutdown(stopping)
	}
}
