package mesh_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// TestRoleTokensFromEnv: the variables of tokens that need AuthToken beside them.
func TestRoleTokensFromEnv(t *testing.T) {
	t.Setenv("MESH_AUTH_TOKEN", "s")
	t.Setenv("MESH_EMITTER_TOKENS", "e, e2")
	t.Setenv("MESH_OBSERVER_TOKENS", "o")
	c, err := mesh.ConfigFromEnv()
	if err != nil || !slices.Equal(c.EmitterTokens, []string{"e", "e2"}) || !slices.Equal(c.ObserverTokens, []string{"o"}) {
		t.Errorf("%q, %q, %v", c.EmitterTokens, c.ObserverTokens, err)
	}
}

// TestRoleTokenFilesFromEnv: the same of the files.
func TestRoleTokenFilesFromEnv(t *testing.T) {
	t.Setenv("MESH_AUTH_TOKEN", "s")
	t.Setenv("MESH_EMITTER_TOKENS_FILE", "emitters")
	t.Setenv("MESH_OBSERVER_TOKENS_FILE", "observers")
	if c, err := mesh.ConfigFromEnv(); err != nil || c.EmitterTokensFile != "emitters" || c.ObserverTokensFile != "observers" {
		t.Errorf("%q, %q, %v", c.EmitterTokensFile, c.ObserverTokensFile, err)
	}
}

// TestRoleTokenFiles: a program gets its token while the servers run, and loses it.
func TestRoleTokenFiles(t *testing.T) {
	t.Parallel()
	emitters, observers := filepath.Join(t.TempDir(), "emitters"), filepath.Join(t.TempDir(), "observers")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(emitters, "e\n")
	write(observers, "o\n")
	seen := newPeers()
	server := start(t, mesh.Config{Listen: "127.0.0.1:0", AuthToken: "s", EmitterTokensFile: emitters, ObserverTokensFile: observers}, mesh.WithObserver(seen))
	joins := func(role, token string) {
		t.Helper()
		m := start(t, mesh.Config{Listen: "127.0.0.1:0", Role: role, AuthToken: token, Peers: []string{server.Advertised()}})
		seen.waitFor(t, m.ID())
	}
	refused := func(role, token string) {
		t.Helper()
		m := start(t, mesh.Config{Listen: "127.0.0.1:0", Role: role, AuthToken: token, Peers: []string{server.Advertised()}})
		seen.waitForRefusal(t)
		if len(m.Peers()) != 0 {
			t.Errorf("%s with %s has a link", role, token)
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for len(seen.refused) > 0 {
			<-seen.refused
		}
	}
	joins("emitter", "e")
	joins("observer", "o")
	refused("", "e")
	refused("emitter", "o")
	write(emitters, "new\nnewer\n")
	joins("emitter", "newer")
	refused("emitter", "e")
}

// TestRoleTokenFileConfig: files that are not there, or have what is something else's.
func TestRoleTokenFileConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config         mesh.Config
		field, allowed string
	}{
		{mesh.Config{AuthToken: "s", EmitterTokensFile: path + "none"}, "EmitterTokensFile", "a token in each line"},
		{mesh.Config{AuthToken: "s", ObserverTokensFile: path + "none"}, "ObserverTokensFile", "a token in each line"},
		{mesh.Config{AuthToken: "s", EmitterTokensFile: path, EmitterTokens: []string{"x"}}, "EmitterTokensFile", "either that or EmitterTokens"},
		{mesh.Config{ObserverTokensFile: path}, "ObserverTokensFile", "an AuthToken beside them"},
		{mesh.Config{AuthToken: "s", Role: "emitter", EmitterTokensFile: path}, "EmitterTokensFile", "none unless Role"},
		{mesh.Config{AuthToken: "two", EmitterTokensFile: path}, "EmitterTokensFile", "tokens that differ"},
		{mesh.Config{AuthTokenFile: path, ObserverTokensFile: path}, "ObserverTokensFile", "tokens that differ"},
		{mesh.Config{AuthToken: "s", AcceptToken: "two", ObserverTokensFile: path}, "ObserverTokensFile", "tokens that differ"},
		{mesh.Config{AuthToken: "s", ObserverTokens: []string{"two"}, EmitterTokensFile: path}, "EmitterTokensFile", "tokens that differ"},
		{mesh.Config{AuthToken: "s", EmitterTokensFile: path, ObserverTokensFile: path}, "ObserverTokensFile", "tokens that differ"},
	} {
		_, err := mesh.New(c.config)
		bad, ok := errors.AsType[*core.ConfigError](err)
		if !ok || bad.Field != c.field || bad.Value != path && bad.Value != path+"none" || !strings.Contains(bad.Allowed, c.allowed) {
			t.Errorf("%+v: %v", c.config, err)
		}
	}
}

// TestRolesOverWebSocket: an emitter and an observer have links by their own tokens, and
// are what these allow; with them nobody is a server. A token is changed by servers that
// accept two.
func TestRolesOverWebSocket(t *testing.T) {
	t.Parallel()
	seen := newPeers()
	server := start(t, mesh.Config{Listen: "127.0.0.1:0", AuthToken: "s", EmitterTokens: []string{"old", "new"}, ObserverTokens: []string{"o"}}, mesh.WithObserver(seen))
	for _, c := range []struct {
		role, token string
		linked      bool
	}{
		{"emitter", "old", true}, {"emitter", "new", true}, {"observer", "o", true}, {"emitter", "s", true},
		{"", "old", false}, {"server", "o", false}, {"observer", "new", false}, {"emitter", "o", false},
	} {
		t.Run(c.role+" with "+c.token, func(t *testing.T) {
			m := start(t, mesh.Config{Listen: "127.0.0.1:0", Role: c.role, AuthToken: c.token, Peers: []string{server.Advertised()}})
			if !c.linked {
				seen.waitForRefusal(t)
				if len(m.Peers()) != 0 {
					t.Error("it is linked")
				}
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := m.WaitForPeers(ctx, 1); err != nil {
				t.Fatal(err)
			}
			seen.waitFor(t, m.ID())
			i := slices.IndexFunc(server.Peers(), func(p core.PeerInfo) bool { return p.ID == m.ID() })
			if i < 0 || server.Peers()[i].Role != core.Role(c.role) {
				t.Errorf("the server has %+v", server.Peers())
			}
		})
	}
}

// TestRolesByCertificate: who dials may be what both its certificate and its token allow: a
// server's are good for each role, an emitter's or observer's for that one. Whom a server
// dials has to show a server's.
func TestRolesByCertificate(t *testing.T) {
	t.Parallel()
	const uri = "spiffe://example.org/sa/"
	ours := authority()
	identified := func(name string) mesh.TLS {
		files := issued(t, ours, uri+name)
		files.PeerURI = uri + "mesh"
		return files
	}
	certificates := map[string]mesh.TLS{"mesh": identified("mesh"), "emit-1": identified("emit-1"), "look-1": identified("look-1"), "other": identified("other")}
	servers := certificates["mesh"]
	servers.EmitterURI, servers.ObserverURI = uri+"emit-*", uri+"look-*"
	for _, transport := range []string{mesh.TransportWS, mesh.TransportQUIC} {
		for _, c := range []struct {
			role, certificate, token string
			refused                  string // says why; "" for a link
		}{
			{"", "mesh", "s", ""}, {"emitter", "mesh", "s", ""}, {"emitter", "emit-1", "s", ""}, {"emitter", "emit-1", "e", ""},
			{"observer", "look-1", "o", ""}, {"observer", "mesh", "o", ""},
			{"", "emit-1", "s", "no server by the URIs of its certificate, [" + uri + "emit-1]"}, {"", "look-1", "s", "no server by"},
			{"observer", "emit-1", "s", "no observer by"}, {"emitter", "look-1", "e", "no emitter by"},
			{"", "mesh", "e", "by its token"}, {"observer", "look-1", "e", "by its token"}, {"emitter", "emit-1", "wrong", "wrong token"},
			{"emitter", "other", "e", "none of the URIs"},
		} {
			t.Run(transport+": "+c.role+" as "+c.certificate+" with "+c.token, func(t *testing.T) {
				t.Parallel()
				seen := newPeers()
				server := start(t, mesh.Config{Listen: "127.0.0.1:0", Transport: transport, TLS: servers, AuthToken: "s", EmitterTokens: []string{"e"}, ObserverTokens: []string{"o"}}, mesh.WithObserver(seen))
				m := start(t, mesh.Config{Listen: "127.0.0.1:0", Transport: transport, TLS: certificates[c.certificate], Role: c.role, AuthToken: c.token, Peers: []string{server.Advertised()}})
				if c.refused == "" {
					seen.waitFor(t, m.ID())
					return
				}
				if why := await.Value(t, seen.refused); !errors.Is(why, core.ErrUnauthorized) || !strings.Contains(why.Error(), c.refused) {
					t.Errorf("refused with %v, want %q", why, c.refused)
				}
				if n := server.Stats().RefusalReasons["unauthorized"]; n == 0 || len(server.Peers()) > 0 {
					t.Errorf("%d counted, peers %+v", n, server.Peers())
				}
			})
		}
		for _, name := range []string{"emit-1", "look-1"} {
			t.Run(transport+": a server dials "+name, func(t *testing.T) {
				t.Parallel()
				listening := start(t, mesh.Config{Listen: "127.0.0.1:0", Transport: transport, TLS: certificates[name], AuthToken: "s"})
				seen := newPeers()
				server := start(t, mesh.Config{Listen: "127.0.0.1:0", Transport: transport, TLS: servers, AuthToken: "s", Peers: []string{listening.Advertised()}}, mesh.WithObserver(seen))
				if why := await.Value(t, seen.refused); !errors.Is(why, core.ErrUnauthorized) || !strings.Contains(why.Error(), "none of the URIs "+uri+"mesh,") {
					t.Errorf("refused with %v", why)
				}
				if len(server.Peers()) > 0 {
					t.Error("it is linked")
				}
			})
		}
	}
}

// TestRolesByCertificateWithoutTokens: the certificate alone decides.
func TestRolesByCertificateWithoutTokens(t *testing.T) {
	t.Parallel()
	const uri = "spiffe://example.org/sa/"
	ours := authority()
	servers, emitters := issued(t, ours, uri+"mesh"), issued(t, ours, uri+"emit")
	servers.PeerURI, servers.EmitterURI, emitters.PeerURI = uri+"mesh", uri+"emit", uri+"mesh"
	for _, role := range []string{"emitter", "server"} {
		seen := newPeers()
		server := start(t, mesh.Config{Listen: "127.0.0.1:0", TLS: servers}, mesh.WithObserver(seen))
		m := start(t, mesh.Config{Listen: "127.0.0.1:0", TLS: emitters, Role: role, Peers: []string{server.Advertised()}})
		if role == "emitter" {
			seen.waitFor(t, m.ID())
		} else if why := await.Value(t, seen.refused); !strings.Contains(why.Error(), "no server by") {
			t.Error(why)
		}
	}
}
