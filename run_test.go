package mesh_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/transport/mem"
)

// run is a server that Run serves, with clients that poll.
type run struct {
	m    *mesh.Mesh
	io   *socket.Server
	url  string // of a handshake
	stop context.CancelFunc
	done chan error

	connected chan struct{} // a socket is
	left      chan string   // why a socket has, and how many peers the other server had then

	http  *http.Client
	polls sync.WaitGroup
}

// startRun runs m on a free port.
func startRun(t *testing.T, m, other *mesh.Mesh) *run {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	listening := make(chan struct{})
	web := &http.Server{Addr: listener.Addr().String(), BaseContext: func(net.Listener) context.Context {
		close(listening)
		return context.Background()
	}}
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &run{
		m:    m,
		io:   socket.NewServer(nil, options),
		url:  "http://" + web.Addr + "/socket.io/?EIO=4&transport=polling",
		stop: stop,
		done: make(chan error, 1),

		connected: make(chan struct{}, 16),
		left:      make(chan string, 16),

		http: &http.Client{Transport: new(http.Transport)},
	}
	_ = r.io.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("disconnect", func(args ...any) {
			r.left <- fmt.Sprintf("%v, %d peers", args[0], len(other.Peers()))
		})
		r.connected <- struct{}{}
	})
	go func() { r.done <- m.Run(ctx, r.io, web) }()
	await.End(t, listening)
	t.Cleanup(func() {
		stop()
		r.polls.Wait()
		r.http.CloseIdleConnections()
	})
	return r
}

// poll connects a client, which polls until it is told to close, or is cut off.
func (r *run) poll(t *testing.T) {
	t.Helper()
	response, err := r.http.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	opened := regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(string(body))
	if opened == nil {
		t.Fatalf("a handshake was answered with %s %s", response.Status, body)
	}
	session := r.url + "&sid=" + opened[1]
	if response, err = r.http.Post(session, "text/plain", strings.NewReader("40")); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	client, ok := r.io.Engine().Clients().Load(opened[1])
	if !ok {
		t.Fatal("no such client")
	}
	polled := make(chan struct{}, 16)
	_ = client.Transport().On("ready", func(...any) { put(polled, struct{}{}) })
	r.polls.Go(func() {
		for {
			response, err := r.http.Get(session)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusOK || string(body) == "1" {
				return
			}
		}
	})
	await.Value(t, r.connected)
	await.Value(t, polled) // is answered with the answer to "40"
	await.Value(t, polled) // stays
}

// TestRun: without another server, and where it must not, it does not drain, and stops
// at once although clients poll.
func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		drain time.Duration
		alone bool
	}{
		"nobody to drain to": {time.Minute, true},
		"no drain time":      {-1, false},
	} {
		t.Run(name, func(t *testing.T) {
			network, roster := mem.NewNetwork(), coretest.NewRoster()
			m := inProcess(t, mesh.Config{DrainTime: c.drain, DrainRate: 1}, network, roster, "a")
			other := inProcess(t, mesh.Config{}, network, roster, "b")
			r := startRun(t, m, other)
			if !c.alone {
				startMesh(t, other)
				if err := m.WaitForPeers(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
			}
			r.poll(t)
			r.poll(t)
			began := time.Now()
			r.stop()
			if err := <-r.done; err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > time.Minute/2 {
				t.Errorf("stopped in %v: want no wait for a drain", took)
			}
			for range 2 {
				if why := await.Value(t, r.left); !strings.HasPrefix(why, "server shutting down") {
					t.Errorf("a client left for %q", why)
				}
			}
		})
	}
}

// TestRunDrains: clients go to other servers first, while the web server is there for
// those that wait and refuses new ones, and the mesh is left when they have gone.
func TestRunDrains(t *testing.T) {
	network, roster := mem.NewNetwork(), coretest.NewRoster()
	m := inProcess(t, mesh.Config{DrainTime: time.Minute, DrainRate: 5}, network, roster, "a")
	watch := newPeers()
	other := inProcess(t, mesh.Config{}, network, roster, "b", mesh.WithObserver(watch))
	startMesh(t, other)
	r := startRun(t, m, other)
	if err := other.WaitForPeers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	const clients = 3
	for range clients {
		r.poll(t)
	}
	r.stop()
	for i := range clients {
		why := await.Value(t, r.left)
		// Of the last one the stop that follows may be as fast as its own end.
		if why != "forced close, 1 peers" && (i < clients-1 || why != "server shutting down, 1 peers") {
			t.Errorf("client %d left for %q", i, why)
		}
		if len(r.left) > 0 || r.io.Engine().Clients().Len() == 0 {
			continue // too late to look at what is there meanwhile
		}
		response, err := r.http.Get(r.url)
		if err != nil && r.io.Engine().Clients().Len() == 0 {
			continue // it became too late
		}
		if err != nil {
			t.Errorf("while a client waits for its turn, nobody listens: %v", err)
			continue
		}
		response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("while a client waits for its turn, new ones get %s", response.Status)
		}
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if _, err := r.http.Get(r.url); err == nil {
		t.Error("it still listens")
	}
	if id := await.Value(t, watch.down); id != m.ID() {
		t.Errorf("%s has left the mesh, want %s", id, m.ID())
	}
}

// TestRunDrainsNoLongerThanItMay: a client that has gone without a word does not keep a
// server from stopping.
func TestRunDrainsNoLongerThanItMay(t *testing.T) {
	network, roster := mem.NewNetwork(), coretest.NewRoster()
	var log coretest.Log
	m := inProcess(t, mesh.Config{DrainTime: 200 * time.Millisecond}, network, roster, "a", mesh.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	other := inProcess(t, mesh.Config{}, network, roster, "b")
	startMesh(t, other)
	r := startRun(t, m, other)
	if err := m.WaitForPeers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r.poll(t)
	response, err := r.http.Get(r.url) // it never polls
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "MESH_DRAIN_TIME") || !strings.Contains(text, "1 clients are left") {
		t.Errorf("nothing is said of the client that was left:\n%s", text)
	}
}

// inProcess is a mesh on a network in memory.
func inProcess(t *testing.T, c mesh.Config, network *mem.Network, roster *coretest.Roster, name string, options ...mesh.Option) *mesh.Mesh {
	t.Helper()
	m, err := mesh.New(c, append(options, mesh.WithTransport(network.Transport(name)), mesh.WithDiscovery(roster.Discovery()))...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// startMesh runs a mesh without a Socket.IO server until the test ends.
func startMesh(t *testing.T, m *mesh.Mesh) {
	t.Helper()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Shutdown(context.Background()) })
}

// TestRunCannotListen: what cannot start leaves nothing behind.
func TestRunCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ listen, web string }{
		{"127.0.0.1:0", taken.Addr().String()},
		{taken.Addr().String(), "127.0.0.1:0"},
	} {
		m, err := mesh.New(mesh.Config{Listen: c.listen, Peers: []string{"ws://127.0.0.1:1"}})
		if err != nil {
			t.Fatal(err)
		}
		options := socket.DefaultServerOptions()
		if err := m.Configure(options); err != nil {
			t.Fatal(err)
		}
		if err := m.Run(t.Context(), socket.NewServer(nil, options), &http.Server{Addr: c.web}); err == nil {
			t.Errorf("%+v: it ran", c)
		}
		m.Shutdown(t.Context())
	}
}
