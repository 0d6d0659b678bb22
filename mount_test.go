package mesh_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
)

// app is an application with one port for everything, over TLS and HTTP/2.
type app struct {
	*mesh.Mesh
	io      *socket.Server
	server  *http.Server
	address string // host:port
}

func startApp(t *testing.T, files mesh.TLS, peers *peers, others ...string) *app {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := mesh.New(mesh.Config{
		Listen:    mesh.ListenHandler,
		Advertise: "//" + listener.Addr().String() + "/mesh",
		Transport: "wss",
		TLS:       files,
		Discovery: mesh.DiscoveryStatic,
		Peers:     others,
	}, mesh.WithObserver(peers))
	if err != nil {
		t.Fatal(err)
	}
	options := socket.DefaultServerOptions()
	options.SetAdapter(m.Adapter())
	a := &app{Mesh: m, io: socket.NewServer(nil, options), address: listener.Addr().String()}

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", a.io.ServeHandler(nil))
	mux.Handle("/mesh", m.Handler())
	certificate, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	a.server = &http.Server{Handler: mux, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequestClientCert, // browsers need not have one
	}}
	var serving sync.WaitGroup
	serving.Go(func() { a.server.ServeTLS(listener, "", "") })
	t.Cleanup(func() {
		a.io.Close(nil)
		a.server.Close()
		serving.Wait()
	})
	return a
}

func (a *app) start(t *testing.T) {
	t.Helper()
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.stop)
}

func (a *app) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a.Shutdown(ctx)
}

// status asks the application for a path, as a browser would.
func (a *app) status(t *testing.T, path string) (status int, protocol, body string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority().Pool()}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	response, err := client.Get("https://" + a.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Proto, string(text)
}

// One port serves Socket.IO and the mesh, with certificates for the mesh alone.
func TestOnePortForAll(t *testing.T) {
	files := issued(t, authority(), "127.0.0.1", "mesh.test")
	files.ServerName = "mesh.test"
	atA, atB := newPeers(), newPeers()
	a := startApp(t, files, atA)
	if status, _, _ := a.status(t, "/mesh"); status != http.StatusServiceUnavailable {
		t.Errorf("before Start: %d", status)
	}
	a.start(t)
	if want := "wss://" + a.address + "/mesh"; a.Advertised() != want {
		t.Errorf("advertised %s, want %s", a.Advertised(), want)
	}
	b := startApp(t, files, atB, a.Advertised())
	b.start(t)
	atA.waitFor(t, b.ID())
	atB.waitFor(t, a.ID())

	status, protocol, body := a.status(t, "/socket.io/?EIO=4&transport=polling")
	if status != http.StatusOK || protocol != "HTTP/2.0" || !strings.Contains(body, `"sid"`) {
		t.Errorf("Socket.IO: %d, %s, %q", status, protocol, body)
	}
	if status, _, _ := a.status(t, "/mesh"); status == http.StatusOK || status == http.StatusServiceUnavailable {
		t.Errorf("the mesh serves a browser: %d", status)
	}

	stranger := files
	stranger.CertFile, stranger.KeyFile, stranger.CAFile = "", "", files.CAFile
	start(t, mesh.Config{Listen: "127.0.0.1:0", Transport: "ws", TLS: stranger, Peers: []string{a.Advertised()}})
	atA.waitForRefusal(t)

	if err := a.server.Shutdown(t.Context()); err != nil {
		t.Errorf("the server waits for links: %v", err)
	}
	if len(a.Peers()) != 1 {
		t.Error("the server's Shutdown has ended links")
	}
	b.stop()
	if status, _, _ := b.status(t, "/mesh"); status != http.StatusServiceUnavailable {
		t.Errorf("after Shutdown: %d", status)
	}
}

// What cannot be mounted has a handler too, which says so.
func TestHandlerOfOtherTransports(t *testing.T) {
	m, err := mesh.New(mesh.Config{}, mesh.WithTransport(transport{"pigeon"}))
	if err != nil {
		t.Fatal(err)
	}
	if m.Handler() == nil {
		t.Error("no handler")
	}
}
