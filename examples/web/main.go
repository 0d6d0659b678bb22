// Web mounts Socket.IO servers of one mesh into gin, echo and chi, with the CORS
// middleware of each. It starts all three, each on a port of its own: a client on one
// hears the clients on the others.
//
//	go run -C examples ./web
//
// Behind nginx: deploy/nginx/mesh.conf, with the three addresses in upstream.
//
// Pages of other sites may connect if -origins has them. Try it from a page on
// http://localhost:8080, with io("http://localhost:3000").
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh"
)

// place is one of the three servers.
type place struct {
	web   string // where clients connect
	mesh  string // where the other servers do
	mount func(s *server, origins []string) http.Handler
}

func main() {
	var (
		gin     = flag.String("gin", "127.0.0.1:3000", "where gin serves clients")
		echo    = flag.String("echo", "127.0.0.1:3001", "where echo serves clients")
		chi     = flag.String("chi", "127.0.0.1:3002", "where chi serves clients")
		origins = flag.String("origins", "http://localhost:8080", "other sites whose pages may connect, separated by commas")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, strings.Split(*origins, ","),
		place{*gin, "127.0.0.1:4000", mountGin},
		place{*echo, "127.0.0.1:4001", mountEcho},
		place{*chi, "127.0.0.1:4002", mountChi})
	if err != nil {
		log.Fatal(err)
	}
}

// run serves at all places until ctx ends, or one of them fails.
func run(ctx context.Context, origins []string, places ...place) error {
	var peers []string
	for _, p := range places {
		peers = append(peers, "ws://"+p.mesh)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make([]error, len(places))
	var running sync.WaitGroup
	for i, p := range places {
		s, err := newServer(p.mesh, peers, origins)
		if err != nil {
			failed[i] = err
			cancel()
			break
		}
		// No ReadTimeout and no WriteTimeout: polls and WebSockets last.
		web := &http.Server{Addr: p.web, Handler: p.mount(s, origins), ReadHeaderTimeout: 10 * time.Second}
		running.Go(func() {
			defer cancel()
			if err := s.mesh.Run(ctx, s.io, web); err != nil {
				failed[i] = fmt.Errorf("the server on %s: %w", p.web, err)
			}
		})
	}
	running.Wait()
	return errors.Join(failed...)
}

// server is a Socket.IO server in the mesh, for a framework to mount.
type server struct {
	mesh *mesh.Mesh
	io   *socket.Server
}

func newServer(listen string, peers, origins []string) (*server, error) {
	m, err := mesh.New(mesh.Config{
		Listen:        listen,
		Peers:         peers, // its own address does no harm
		OpsReadyLinks: 100,
		DrainTime:     -1, // all three end at once: there is nowhere to send clients to
	})
	if err != nil {
		return nil, err
	}
	options := socket.DefaultServerOptions()
	// Browsers do not ask CORS for WebSockets: the server itself compares the origin.
	// It needs the same list as the framework's middleware.
	options.SetCors(&types.Cors{Origin: allowed(origins), Credentials: true})
	if err := m.Configure(options); err != nil {
		return nil, err
	}
	s := &server{m, socket.NewServer(nil, options)}
	s.io.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("chat", func(args ...any) {
			s.io.Emit("chat", args...) // to the clients of all servers
		})
	})
	return s, nil
}

func allowed(origins []string) (list []any) {
	for _, origin := range origins {
		list = append(list, origin)
	}
	return list
}

// ready answers probes.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.mesh.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}
