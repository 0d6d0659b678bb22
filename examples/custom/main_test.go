package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = time.Minute

// TestServersOfOwnParts runs three servers whose four parts are all this example's.
// What a client says at one arrives at the clients of all.
func TestServersOfOwnParts(t *testing.T) {
	dir, err := os.MkdirTemp("", "custom") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	servers := filepath.Join(dir, "servers")
	var list strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		list.WriteString("unix://" + filepath.Join(dir, name) + "\n")
	}
	if err := os.WriteFile(servers, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}

	var record coretest.Log
	var meshes []*mesh.Mesh
	var clients []*websocket.Conn
	for address := range strings.Lines(list.String()) {
		m, url := start(t, strings.TrimSpace(address), servers, slog.New(slog.NewTextHandler(&record, nil)))
		meshes, clients = append(meshes, m), append(clients, connect(t, url))
	}
	for _, m := range meshes {
		awaitPeers(t, m, len(meshes)-1)
	}

	write(t, clients[0], `42["chat","hello"]`)
	for i, client := range clients {
		if !readUntil(client, patience, `42["chat","hello"]`) {
			t.Errorf("client %d does not hear it", i)
		}
	}
	if text := record.String(); strings.Count(text, "name=chat") != 1 {
		t.Errorf("the emit is not on record once:\n%s", text)
	}
}

// start runs a server until the test ends. It returns the URL for clients.
func start(t *testing.T, address, servers string, logger *slog.Logger) (*mesh.Mesh, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMesh(address, servers, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, listener, m) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m, "ws://" + listener.Addr().String() + "/socket.io/?EIO=4&transport=websocket"
}

// awaitPeers waits for links, which the example's own parts carry.
func awaitPeers(t *testing.T, m *mesh.Mesh, count int) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		peers := m.Peers()
		if len(peers) == count {
			for _, p := range peers {
				if p.Codec != "cbor" || !strings.HasPrefix(p.Address, "unix://") {
					t.Errorf("peer %+v is not reached through the example's parts", p)
				}
			}
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d peers, want %d", len(peers), count)
		}
	}
}

// connect tries until the server has let a client in: the library may miss the
// request of one that is very fast.
func connect(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	for range 10 {
		client, _, err := websocket.DefaultDialer.Dial(url, nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, client, "40")
		if readUntil(client, 3*time.Second, `42["chat","welcome"]`) {
			t.Cleanup(func() { client.Close() })
			return client
		}
		client.Close()
	}
	t.Fatal("the server does not let anybody connect")
	return nil
}

func write(t *testing.T, client *websocket.Conn, frame string) {
	t.Helper()
	if err := client.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

// readUntil tells whether a frame comes in time.
func readUntil(client *websocket.Conn, timeout time.Duration, want string) bool {
	client.SetReadDeadline(time.Now().Add(timeout))
	for {
		_, frame, err := client.ReadMessage()
		if err != nil || string(frame) == want {
			return err == nil
		}
	}
}

// TestUntilStopped: a server that is stopped by SIGTERM shuts down, as by Ctrl-C.
func TestUntilStopped(t *testing.T) {
	ctx, stop := untilStopped()
	defer stop()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
}
