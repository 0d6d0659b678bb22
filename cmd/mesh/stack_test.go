package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestDemoOverStacks: the demo runs over every transport and codec, and makes up
// what that needs.
func TestDemoOverStacks(t *testing.T) {
	for name, c := range map[string]struct {
		args, env    []string
		address, say string // what it prints
	}{
		"quic and proto":       {[]string{"--transport", "quic", "--codec", "proto"}, nil, "(mesh quic://127.0.0.1:", "  token "},
		"wss":                  {[]string{"--transport", "wss"}, nil, "(mesh wss://127.0.0.1:", "  TLS "},
		"from the environment": {nil, []string{"MESH_TRANSPORT=quic", "MESH_CODEC=msgpack", "MESH_AUTH_TOKEN=secret"}, "(mesh quic://127.0.0.1:", ""},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			for _, entry := range c.env {
				name, value, _ := strings.Cut(entry, "=")
				t.Setenv(name, value)
			}
			args := append([]string{"demo", "--nodes", "2", "--port", "0", "--mesh-port", "0", "--discovery-port", "0"}, c.args...)
			out, _ := background(t, args...)
			var clients []*client
			for _, mark := range []string{"server 1 ", "server 2 "} {
				line := out.find(mark)
				if !strings.Contains(line, c.address) {
					t.Errorf("%q: want %q", line, c.address)
				}
				clients = append(clients, dial(t, "http://"+after(line, "http://")))
			}
			if c.say != "" {
				out.find(c.say)
			}
			out.find("discovery ")
			for _, c := range clients {
				waitForServers(c, 2)
			}
			clients[0].emit("pub", nil, "hello")
			if got := string(clients[1].wait("msg", nil)); got != `"hello"` {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A server joins a demo that has made up its token, with that token.
func TestJoinQUICDemo(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "demo", "--nodes", "1", "--port", "0", "--mesh-port", "0", "--discovery-port", "0", "--transport", "quic")
	page := dial(t, "http://"+after(out.find("server 1 "), "http://"))
	token := strings.Fields(out.find("  token "))[1]
	discovery := "ws://" + after(out.find("discovery "), "ws://")
	joined, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--discovery", discovery, "--transport", "quic", "--auth-token", token, "--log-level", "error")
	joined.find("(mesh quic://127.0.0.1:")
	waitForServers(page, 2)
}

// TestCert: the files that are made do for nodes and for the discovery service.
func TestCert(t *testing.T) {
	clearEnv(t)
	folder := filepath.Join(t.TempDir(), "new")
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"cert", "--out", folder}, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	for _, field := range strings.Fields(out.String()) {
		if name, value, ok := strings.Cut(field, "="); ok {
			t.Setenv(name, value) // as it says
		}
	}
	if info, err := os.Stat(os.Getenv("MESH_TLS_KEY")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}

	discovery, _ := background(t, "discovery", "--host", "127.0.0.1", "--port", "0", "--log-level", "error")
	url := "wss://" + after(discovery.find("discovery service on wss://"), "wss://")
	wantNoStranger(t, url)
	first, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--discovery", url, "--log-level", "error")
	page := dial(t, "http://"+after(first.find("(mesh wss://"), "http://"))
	second, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--discovery", url, "--transport", "wss", "--log-level", "error")
	second.find("(mesh wss://")
	waitForServers(page, 2)
}

// wantNoStranger checks that a certificate is asked for.
func wantNoStranger(t *testing.T, url string) {
	t.Helper()
	text, err := os.ReadFile(os.Getenv("MESH_TLS_CA"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	dialler := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool}}
	if c, _, err := dialler.Dial(url, http.Header{}); err == nil {
		c.Close()
		t.Error("a client without a certificate is served")
	} else if !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("refused with %v", err)
	}
}
