package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/ops/metrics"
)

// Where operators are served unless told otherwise: on this machine only.
const (
	opsPort          = 4100 // of a server; here their commands look
	discoveryOpsPort = 8100
)

// noOps as --ops-listen serves nobody.
const noOps = "none"

func defaultOpsListen(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// chooseOpsListen is where operators are served: as given, or else at the default port, or
// at a free one if another program has that.
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

// opsPortBeside is the operators' port of a server of the demo: 100 above the one for
// other servers, or a free one.
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
	return fmt.Sprintf("%s://%s", scheme, reachable(addr))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// discoveryOps serves operators of a discovery service.
type discoveryOps struct {
	listener net.Listener
	http     *http.Server
	served   chan struct{} // closed when the accepting goroutine has ended
}

// serveDiscoveryOps listens; without an address it serves nobody, and returns nil.
func serveDiscoveryOps(ctx context.Context, s *service.Server, listen, token string, log *slog.Logger) (*discoveryOps, error) {
	if listen == "" {
		return nil, nil
	}
	o := ops.Options{Logger: log, Metrics: metrics.DiscoveryHandler(s)}
	if token != "" {
		o.Tokens = []string{token}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, err
	}
	d := &discoveryOps{listener: listener, served: make(chan struct{}), http: &http.Server{
		Handler:           ops.NewDiscoveryHandler(s, o),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(d.served)
		_ = d.http.Serve(listener) // until close
	}()
	return d, nil
}

func (d *discoveryOps) addr() string { return d.listener.Addr().String() }

func (d *discoveryOps) close() {
	d.http.Close()
	<-d.served
}
