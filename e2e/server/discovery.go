package main

import (
	"context"
	"log/slog"
	"net"
	"strconv"

	"github.com/socketmesh/mesh/discovery/service"
)

func runDiscovery(stop context.Context, o options, c *control, logger *slog.Logger) error {
	s := service.NewServer(service.ServerOptions{
		Listen:    net.JoinHostPort(host, strconv.Itoa(o.Port)),
		AuthToken: o.Token,
		Logger:    logger,
	})
	if err := s.Start(stop); err != nil {
		return err
	}
	c.say(map[string]any{"ready": true, "url": "ws://" + s.Addr()})
	c.serve(stop, nil)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	return s.Shutdown(ctx)
}
