//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/discovery/service"
)

// process is what one of the processes is told to be, as JSON.
type process struct {
	Role      string // "server" or "discovery"
	Listen    string // of the mesh
	Advertise string // the proxy before it
	Transport string
	Discovery string
	// PingInterval is how often a server pings its clients.
	PingInterval time.Duration
}

const (
	loopback       = "127.0.0.1:0"
	token          = "soak"
	startTimeout   = 30 * time.Second
	requestTimeout = time.Second
	// resumeWindow is short, so that what is kept for a server that was killed is
	// forgotten between two samples.
	resumeWindow = 5 * time.Second
	// pingInterval and pingTimeout are how long a client is missed that stalls, or vanishes
	// between two polls.
	pingInterval = 5 * time.Second
	pingTimeout  = 3 * time.Second
)

// dynamic are the namespaces that clients open and that end with their last client.
var dynamic = regexp.MustCompile(`^/d-\d+$`)

// request is a line on a process's standard input, as package procs writes them.
type request struct {
	ID   int    `json:"id"`
	Op   string `json:"op"`
	Room string `json:"room"`
	File string `json:"file"`
}

// answer says what became of it.
type answer struct {
	ID     int    `json:"id"`
	OK     bool   `json:"ok"`
	Result any    `json:"result"`
	Error  string `json:"error,omitempty"`
}

func serve(order string) error {
	var p process
	if err := json.Unmarshal([]byte(order), &p); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if p.Role == "discovery" {
		return p.runDiscovery(ctx)
	}
	return p.runServer(ctx)
}

func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (p *process) runDiscovery(ctx context.Context) error {
	s := service.NewServer(service.ServerOptions{Listen: loopback, AuthToken: token, Logger: logger()})
	if err := s.Start(ctx); err != nil {
		return err
	}
	answerRequests(ctx, map[string]any{"url": "ws://" + s.Addr()}, func(r request) (any, error) {
		return usage{}.measured(), nil
	})
	stop, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return s.Shutdown(stop)
}

// server is a Socket.IO server in the mesh.
type server struct {
	mesh *mesh.Mesh
	io   *socket.Server
	// asked are the requests that have ended, and expired those of them that some
	// server did not answer in time.
	asked, expired atomic.Int64
}

func (p *process) runServer(ctx context.Context) error {
	m, err := mesh.New(mesh.Config{
		Listen: p.Listen, Advertise: p.Advertise, Transport: p.Transport, DiscoveryAddress: p.Discovery, AuthToken: token,
		RequestTimeout: requestTimeout, ResumeWindow: resumeWindow, RedialMax: time.Second, HeartbeatInterval: time.Second, HeartbeatTimeout: 4 * time.Second,
	}, mesh.WithLogger(logger()))
	if err != nil {
		return err
	}
	config := socket.DefaultServerOptions()
	config.SetPingInterval(p.PingInterval)
	config.SetPingTimeout(pingTimeout)
	config.SetConnectTimeout(pingTimeout)
	config.SetCleanupEmptyChildNamespaces(true)
	if err := m.Configure(config); err != nil {
		return err
	}
	s := &server{mesh: m, io: socket.NewServer(nil, config)}
	s.listen(s.io.Sockets())
	s.io.Of(dynamic, nil)
	s.io.On("new_namespace", func(args ...any) { s.listen(args[0].(socket.Namespace)) })
	listener, err := net.Listen("tcp", loopback)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", s.io.ServeHandler(nil))
	web := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	starting, started := context.WithTimeout(ctx, startTimeout)
	defer started()
	if err := m.Start(starting); err != nil {
		return err
	}
	answerRequests(ctx, map[string]any{"host": listener.Addr().String()}, s.do)

	stop, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s.io.Close(nil)
	err = errors.Join(m.Shutdown(stop), web.Close())
	<-served
	return err
}

// listen sets the listeners of a namespace. Nobody answers "silence".
func (s *server) listen(nsp socket.Namespace) {
	nsp.On("silence", func(...any) {})
	nsp.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("join", func(args ...any) {
			if name, ok := args[0].(string); ok {
				client.Join(socket.Room(name))
			}
		})
	})
}

// do does what the runner asks for. Requests to other servers go on without it.
func (s *server) do(r request) (any, error) {
	switch r.Op {
	case "emit":
		s.io.To(socket.Room(r.Room)).Emit("event", r.Room, r.ID)
		s.io.Volatile().Emit("event", "all", r.ID)
	case "fetch":
		s.io.FetchSockets()(func([]*socket.RemoteSocket, error) { s.asked.Add(1) })
	case "expire":
		s.io.Sockets().ServerSideEmitWithAck("silence")(func(_ []any, err error) {
			s.asked.Add(1)
			if err != nil {
				s.expired.Add(1)
			}
		})
	case "sample":
		stats := s.mesh.ClientStats()
		return usage{
			Clients: int(stats.Connections - stats.Disconnections), Namespaces: len(s.mesh.Namespaces()), Peers: len(s.mesh.Peers()),
			Asked: int(s.asked.Load()), Expired: int(s.expired.Load()),
		}.measured(), nil
	case "profile":
		return nil, profile(r.File)
	default:
		return nil, fmt.Errorf("unknown operation %q", r.Op)
	}
	return nil, nil
}

// measured adds what the process takes. The heap is what is in use after a collection.
func (u usage) measured() usage {
	runtime.GC()
	runtime.GC() // pools let go of what they keep with the second one
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	u.Goroutines, u.Heap = runtime.NumGoroutine(), int(memory.HeapAlloc)
	return u
}

// profile writes what is on the heap into a file.
func profile(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}

// answerRequests says that the process is ready, and answers until the runner has gone or
// ctx ends.
func answerRequests(ctx context.Context, ready map[string]any, do func(request) (any, error)) {
	var mu sync.Mutex
	say := func(v any) {
		line, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		os.Stdout.Write(append(line, '\n'))
	}
	say(ready)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for in := bufio.NewReader(os.Stdin); ; {
			line, err := in.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return
			}
			var r request
			if err == nil {
				err = json.Unmarshal(line, &r)
			}
			if err != nil {
				panic(err) // the runner is wrong
			}
			result, err := do(r)
			a := answer{ID: r.ID, OK: err == nil, Result: result}
			if err != nil {
				a.Error = err.Error()
			}
			say(a)
		}
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
}
