package mesh_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/tokenfile"
)

// TestTwoTokens: while servers go over from one token to another, one by one, they stay
// linked with each other and with the discovery service; afterwards the old one is
// refused.
func TestTwoTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("new-token\nold-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log coretest.Log
	file, err := tokenfile.Open(path, log.Logger())
	if err != nil {
		t.Fatal(err)
	}
	discovery := service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0", Tokens: file.Tokens})
	if err := discovery.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer discovery.Shutdown(context.Background())
	start := func(c mesh.Config) *mesh.Mesh {
		t.Helper()
		c.Listen, c.DiscoveryAddress = "127.0.0.1:0", "ws://"+discovery.Addr()
		m, err := mesh.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Shutdown(context.Background()) })
		return m
	}
	servers := []*mesh.Mesh{
		start(mesh.Config{AuthToken: "old-token", AcceptToken: "new-token"}),
		start(mesh.Config{AuthToken: "new-token", AcceptToken: "old-token"}),
		start(mesh.Config{AuthTokenFile: path}),
	}
	for i, m := range servers {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := m.WaitForPeers(ctx, 2); err != nil {
			t.Errorf("server %d: %v", i, err)
		}
		cancel()
	}

	// The old token is withdrawn without a restart.
	if err := os.WriteFile(path, []byte("new-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := discovery.Stats().Unauthorized
	late := start(mesh.Config{AuthToken: "old-token"})
	await.Condition(t, "the old token is refused", func() bool { return discovery.Stats().Unauthorized > before })
	if len(late.Peers()) != 0 {
		t.Errorf("a server with the old token has peers: %v", late.Peers())
	}
}

// TestTokenConfig: what does not go together, and a file that is not there.
func TestTokenConfig(t *testing.T) {
	for _, c := range []struct {
		config mesh.Config
		field  string
	}{
		{mesh.Config{AuthTokenFile: "x", AuthToken: "y"}, "AuthTokenFile"},
		{mesh.Config{AuthTokenFile: "x", AcceptToken: "y"}, "AcceptToken"},
		{mesh.Config{AcceptToken: "y"}, "AcceptToken"},
		{mesh.Config{AuthTokenFile: filepath.Join(t.TempDir(), "none")}, "AuthTokenFile"},
		{mesh.Config{AuthToken: "x", AcceptToken: "y", Transport: "quic"}, "AcceptToken"},
	} {
		_, err := mesh.New(c.config)
		if bad, ok := errors.AsType[*core.ConfigError](err); !ok || bad.Field != c.field {
			t.Errorf("%+v: %v, want an error about %s", c.config, err, c.field)
		}
	}
}

// TestEnvBlamed: what only New can judge names the variable, too.
func TestEnvBlamed(t *testing.T) {
	for variable, value := range map[string]string{
		"MESH_TRANSPORT": "carrier-pigeon", "MESH_CODEC": "morse", "MESH_DISCOVERY": "gossip-column",
		"MESH_TLS_CERT": "/none/cert.pem", "MESH_AUTH_TOKEN_FILE": "/none/token",
	} {
		t.Run(variable, func(t *testing.T) {
			clearEnv(t)
			t.Setenv(variable, value)
			config, err := mesh.ConfigFromEnv()
			if err != nil {
				t.Fatal(err)
			}
			_, err = mesh.New(config)
			if bad, ok := errors.AsType[*core.ConfigError](err); !ok || bad.Field != variable || bad.Value != value {
				t.Errorf("%v does not name the variable", err)
			}
		})
	}
}
