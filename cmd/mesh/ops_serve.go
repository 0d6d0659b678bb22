package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/internal/opshttp"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/ops/metrics"
)

// Default ports for operators; they are open to this machine only.
const (
	opsPort          = 4100 // of a server; the operators' commands connect to it by default
	discoveryOpsPort = 8100
)

// adminPath is the path of the operators' page.
const adminPath = "/admin"

// noOps as --ops-listen serves no operators.
const noOps = "none"

func defaultOpsListen(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// chooseOpsListen returns the address for operators: the given one, else the default port,
// or a free one if another program has that.
func chooseOpsListen(given string, port int) string {
	switch given {
	case noOps:
		return ""
	case "":
		given = defaultOpsListen(port)
		probe, err := net.Listen("tcp", given)
		if err != nil {
			return defaultOpsListen(0)
		}
		probe.Close()
	}
	return given
}

// opsPortBeside returns the operators' port of a demo's server: 100 above its port for
// other servers, or 0, a free one.
func opsPortBeside(meshPort int) int {
	if meshPort == 0 || meshPort+100 > 65535 {
		return 0
	}
	return meshPort + 100
}

func opsURL(addr string, secure bool) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, advertise.Local(addr))
}

// serveDiscoveryOps serves operators of a discovery service, over TLS if the service has
// that. They need one of its tokens, if there are any, or a certificate that it would
// accept from a server. Without an address it returns nil.
func serveDiscoveryOps(ctx context.Context, s *service.Server, listen string, tokens func() []string, secure *tls.Config, log *slog.Logger) (*opshttp.Server, error) {
	if listen == "" {
		return nil, nil
	}
	o := ops.Options{Logger: log, Metrics: metrics.DiscoveryHandler(s), Tokens: tokens}
	if peertls.AsksClients(secure) {
		o.VerifyClient = func(state *tls.ConnectionState) error { return peertls.VerifyClient(secure, state) }
	}
	return opshttp.Listen(ctx, listen, ops.NewDiscoveryHandler(s, o), secure, log)
}
