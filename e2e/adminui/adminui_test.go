// Package adminui tests socketio/adminui with what @socket.io/admin-ui publishes: its page
// in a browser, and its server side on Node servers, alone and in the same mesh.
package adminui

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"go.uber.org/goleak"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/e2e/internal/procs"
	"github.com/socketmesh/mesh/socketio/adminui"
)

const (
	node     = "../node"
	page     = node + "/node_modules/@socket.io/admin-ui/ui/dist"
	password = "changeit"
	// passwordHash is of the password, at the lowest cost.
	passwordHash = "$2a$04$.E14FgT7hJo7JkHlWqloiehzmpRvD6iW4v.4xCVupKFThoMBJSjUi"
)

func TestMain(m *testing.M) {
	if err := procs.InstallNode(node); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// world is a discovery service, and what it tells of.
type world struct {
	t         *testing.T
	discovery *service.Server
	meshes    []*mesh.Mesh
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, discovery: service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0"})}
	if err := w.discovery.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.discovery.Shutdown(context.Background()) })
	return w
}

func (w *world) url() string { return "ws://" + w.discovery.Addr() }

// serve starts a server of the mesh, instrumented with the options, and returns its URL.
func (w *world) serve(o adminui.Options) string {
	w.t.Helper()
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", Discovery: "service", DiscoveryAddress: w.url()})
	if err != nil {
		w.t.Fatal(err)
	}
	options := socket.DefaultServerOptions()
	options.SetCors(&types.Cors{Origin: true, Credentials: true}) // whatever port the page is served at
	if err := m.Configure(options); err != nil {
		w.t.Fatal(err)
	}
	io := socket.NewServer(nil, options)
	_ = io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		_ = s.On("join", func(args ...any) { s.Join(socket.Room(args[0].(string))) })
		_ = s.On("leave", func(args ...any) { s.Leave(socket.Room(args[0].(string))) })
		_ = s.On("question", func(args ...any) { _ = s.Emit("answer", args...) })
	})
	ui, err := adminui.Instrument(io, o)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := m.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	web := httptest.NewServer(io.ServeHandler(nil))
	w.t.Cleanup(func() {
		ui.Close()
		io.Close(nil)
		web.CloseClientConnections()
		web.Close()
		if err := m.Shutdown(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	w.meshes = append(w.meshes, m)
	return web.URL
}

// linked waits until each server has so many peers.
func (w *world) linked(peers int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for _, m := range w.meshes {
		if err := m.WaitForPeers(ctx, peers); err != nil {
			w.t.Fatal(err)
		}
	}
}

// run runs a script of Node's.
func run(t *testing.T, script string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", append([]string{filepath.Join(node, script)}, args...)...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(out) > 0 {
		t.Logf("%s", out)
	}
}

func withPassword() adminui.Options {
	return adminui.Options{Username: "admin", PasswordHash: passwordHash, ShowData: true}
}

// TestPage: the page that npm has, in a browser, against three servers.
func TestPage(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; `make setup` installs it")
	}
	if _, err := os.Stat(page); err != nil {
		t.Fatalf("%v; `make setup` installs it", err)
	}
	files := httptest.NewServer(http.FileServerFS(os.DirFS(page)))
	defer files.Close()
	w := newWorld(t)
	readOnly := withPassword()
	readOnly.ReadOnly = true
	urls := []string{w.serve(withPassword()), w.serve(withPassword()), w.serve(readOnly)}
	w.linked(2)
	// MESH_E2E_SCREENSHOTS keeps the pictures, to look at.
	pictures := os.Getenv("MESH_E2E_SCREENSHOTS")
	if pictures == "" {
		pictures = t.TempDir()
	}
	run(t, "admin_ui_page.js", append([]string{chromium, files.URL, pictures}, urls...)...)
	for _, name := range []string{"admin-ui.png", "admin-ui-room.png"} {
		info, err := fs.Stat(os.DirFS(pictures), name)
		if err != nil || info.Size() < 10_000 {
			t.Errorf("%s is no picture: %v", name, err)
		}
	}
}

// TestShapes: a page gets the same from a Go server and from Node's, but for what
// docs/admin-ui.md lists.
func TestShapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run(t, "admin_ui_shapes.js", w.serve(withPassword()))
}

// TestBesideNode: a Go server and a Node server with the original, in one mesh, see each
// other, and act on each other's clients.
func TestBesideNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve(adminui.Options{NoAuth: true})
	options, err := json.Marshal(map[string]any{"discovery": w.url(), "go": url})
	if err != nil {
		t.Fatal(err)
	}
	run(t, "admin_ui_beside.js", string(options))
}
