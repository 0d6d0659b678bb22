// Package server is the Socket.IO server that benchmarks measure: the host library and the
// mesh, set up as the documentation says, with the three events that the benchmark's
// clients use.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/socketio"
)

// Options configure a server.
type Options struct {
	Listen string // of the web server, as 127.0.0.1:0
	// Mesh is the configuration of the server's mesh; nil for a server without a mesh, with
	// the host library's own adapter.
	Mesh *mesh.Config
	// MaxConnecting is that of the mesh's ClientOptions.
	MaxConnecting int
	// PingInterval and PingTimeout are the heartbeat of clients. 0: the host library's.
	PingInterval, PingTimeout time.Duration
	Logger                    *slog.Logger // default: discards
}

// Server is one Socket.IO server.
type Server struct {
	listener net.Listener
	http     *http.Server
	io       *socket.Server
	mesh     *mesh.Mesh // nil for a server without a mesh
	work     sync.WaitGroup
}

// Start starts a server. ctx limits the call.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &Server{listener: listener}
	options := socket.DefaultServerOptions()
	if o.PingInterval > 0 {
		options.SetPingInterval(o.PingInterval)
	}
	if o.PingTimeout > 0 {
		options.SetPingTimeout(o.PingTimeout)
	}
	if o.Mesh != nil {
		if s.mesh, err = mesh.New(*o.Mesh, mesh.WithLogger(o.Logger), mesh.WithClientOptions(socketio.ClientOptions{MaxConnecting: o.MaxConnecting})); err != nil {
			listener.Close()
			return nil, err
		}
		if err := s.mesh.Configure(options); err != nil {
			listener.Close()
			return nil, err
		}
	}
	s.io = socket.NewServer(nil, options)
	s.io.On("connection", func(args ...any) { s.answer(args[0].(*socket.Socket)) })
	if s.mesh != nil {
		if err := s.mesh.Start(ctx); err != nil {
			listener.Close()
			s.io.Close(nil)
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", s.io.ServeHandler(nil))
	mux.HandleFunc("GET "+TrafficPath, s.serveTraffic)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn)}
	s.work.Go(func() { s.http.Serve(listener) })
	return s, nil
}

// URL is the address for clients.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Shutdown disconnects the clients and leaves the mesh.
func (s *Server) Shutdown(ctx context.Context) error {
	s.listener.Close() // nobody new while the clients are sent away
	s.io.Close(nil)
	var err error
	if s.mesh != nil {
		err = s.mesh.Shutdown(ctx)
	}
	if closed := s.http.Shutdown(ctx); !errors.Is(closed, net.ErrClosed) { // which the listener is
		err = errors.Join(err, closed)
	}
	s.http.Close()
	s.work.Wait()
	return err
}

// TrafficPath is the path at which a server reports its [Traffic], as JSON.
const TrafficPath = "/bench/traffic"

// Traffic is what a server has sent to the others of its mesh: a message that is sent to
// three servers counts three times.
type Traffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

func (s *Server) serveTraffic(w http.ResponseWriter, _ *http.Request) {
	var all Traffic
	if s.mesh != nil {
		for _, t := range s.mesh.Stats().Sent {
			all.Messages += t.Messages
			all.Bytes += t.Bytes
		}
	}
	json.NewEncoder(w).Encode(all)
}

// answer handles the events of one client.
func (s *Server) answer(client *socket.Socket) {
	client.On("join", func(args ...any) {
		if room, ok := first(args).(string); ok {
			client.Join(socket.Room(room))
			acknowledge(args)
		}
	})
	client.On("pub", func(args ...any) {
		if room, ok := first(args).(string); ok && len(args) > 1 {
			s.io.To(socket.Room(room)).Emit("msg", args[1])
		}
	})
	client.On("fetch", func(args ...any) {
		s.io.FetchSockets()(func(sockets []*socket.RemoteSocket, _ error) {
			acknowledge(args, len(sockets))
		})
	})
}

// first returns the first argument, nil if there is none.
func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// acknowledge answers an event, if the client wants an answer.
func acknowledge(args []any, values ...any) {
	if len(args) == 0 {
		return
	}
	if ack, ok := args[len(args)-1].(socket.Ack); ok {
		ack(append([]any{}, values...), nil)
	}
}
