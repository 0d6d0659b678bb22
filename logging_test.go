package mesh_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
)

// TestLogs: a mesh that is given no logger logs to the process's, its discovery client
// and its Socket.IO server included, and one that is given slog.DiscardHandler nowhere.
func TestLogs(t *testing.T) {
	for name, c := range map[string]struct {
		options []mesh.Option
		silent  bool
	}{
		"nothing is said": {nil, false},
		"discarded":       {[]mesh.Option{mesh.WithLogger(slog.New(slog.DiscardHandler))}, true},
	} {
		t.Run(name, func(t *testing.T) {
			log := defaultLog(t)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			attempts := make(chan struct{}, 100)
			go func() { // a discovery service that hangs up
				for {
					conn, err := listener.Accept()
					if err != nil {
						close(attempts)
						return
					}
					conn.Close()
					put(attempts, struct{}{})
				}
			}()
			m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", DiscoveryAddress: "ws://" + listener.Addr().String()}, c.options...)
			if err != nil {
				t.Fatal(err)
			}
			io := serverWith(m.Adapter())
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			await.Value(t, attempts)
			await.Value(t, attempts) // what the first one has led to is logged
			if err := m.Drain(t.Context(), 1); err != nil {
				t.Error(err)
			}
			io.Close(nil)
			if err := m.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			listener.Close()
			for range attempts {
			}
			text := log.String()
			if c.silent && text != "" {
				t.Errorf("it logs to slog.Default():\n%s", text)
			}
			for _, want := range []string{"node started", "discovery is out of reach", "draining"} {
				if !c.silent && !strings.Contains(text, want) {
					t.Errorf("slog.Default() does not get %q:\n%s", want, text)
				}
			}
		})
	}
}

// defaultLog is what slog.Default() logs to until the test ends.
func defaultLog(t *testing.T) *coretest.Log {
	log, before := new(coretest.Log), slog.Default()
	slog.SetDefault(log.Logger())
	t.Cleanup(func() { slog.SetDefault(before) })
	return log
}
