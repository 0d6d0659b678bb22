package peertls_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/certs"
	"github.com/socketmesh/mesh/internal/peertls"
)

// TestPeerURI: a certificate is taken if one of its URIs fits and the authority is ours,
// also where another HTTP server has accepted the connection.
func TestPeerURI(t *testing.T) {
	ours, foreign := authority(t), authority(t)
	for name, c := range map[string]struct {
		by      *certs.Authority
		names   []string
		pattern string
		taken   bool
	}{
		"exact":          {ours, []string{"spiffe://x/ns/a/sa/mesh"}, "spiffe://x/ns/a/sa/mesh", true},
		"any":            {ours, []string{"spiffe://x/ns/a/sa/mesh"}, "spiffe://x/ns/*/sa/mesh", true},
		"one of two":     {ours, []string{"https://x/y", "spiffe://x/a"}, "spiffe://x/*", true},
		"more levels":    {ours, []string{"spiffe://x/a/b"}, "spiffe://x/*", false},
		"only begins so": {ours, []string{"spiffe://x/ab"}, "spiffe://x/a", false},
		"another domain": {ours, []string{"spiffe://y/a"}, "spiffe://x/*", false},
		"a name":         {ours, []string{"x", "127.0.0.1"}, "spiffe://x/*", false},
		"foreign, exact": {foreign, []string{"spiffe://x/a"}, "spiffe://x/a", false},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := c.by.Issue(time.Hour, c.names...)
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := pair.TLS()
			if err != nil {
				t.Fatal(err)
			}
			config := peertls.WithURIs(&tls.Config{ClientCAs: ours.Pool()}, c.pattern, nil, func() *x509.CertPool { return ours.Pool() })
			state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate.Leaf}}
			if err := config.VerifyConnection(state); c.taken != (err == nil) {
				t.Errorf("in a handshake: %v", err)
			}
			if err := peertls.VerifyClient(config, &state); c.taken != (err == nil) {
				t.Errorf("behind another server: %v", err)
			}
			if err := config.VerifyConnection(tls.ConnectionState{}); err == nil {
				t.Error("no certificate is taken")
			}
		})
	}
}

// TestURIsOfRoles: who dials may have the URI of a server, an emitter or an observer; who is
// dialled has to have that of a server.
func TestURIsOfRoles(t *testing.T) {
	ours := authority(t)
	config := peertls.WithURIs(&tls.Config{ClientCAs: ours.Pool()}, "spiffe://x/mesh", []string{"spiffe://x/emit/*", ""}, func() *x509.CertPool { return ours.Pool() })
	for uri, want := range map[string]struct{ dials, isDialled bool }{
		"spiffe://x/mesh":   {true, true},
		"spiffe://x/emit/1": {true, false},
		"spiffe://x/other":  {false, false},
	} {
		pair, err := ours.Issue(time.Hour, uri)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate.Leaf}}
		if err := config.VerifyConnection(state); want.isDialled != (err == nil) {
			t.Errorf("%s is dialled: %v", uri, err)
		}
		acceptor, err := peertls.Server(config, "x").GetConfigForClient(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		if err := acceptor.VerifyConnection(state); want.dials != (err == nil) {
			t.Errorf("%s dials: %v", uri, err)
		}
		if err := peertls.VerifyClient(config, &state); want.dials != (err == nil) {
			t.Errorf("%s dials, behind another server: %v", uri, err)
		}
	}
}

// TestIdentityIsUnambiguous: a URI with a space in it does not pass for two.
func TestIdentityIsUnambiguous(t *testing.T) {
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{{URIs: []*url.URL{
		{Scheme: "urn", Opaque: "a spiffe://x/mesh"}, {Scheme: "spiffe", Host: "x", Path: "/emit"},
	}}}}
	identity := peertls.Identity(state)
	if peertls.Fits(identity, "spiffe://x/mesh") || !peertls.Fits(identity, "spiffe://x/emit") || peertls.Fits(identity, "") || peertls.Fits("", "*") {
		t.Errorf("%q", identity)
	}
}

func authority(t *testing.T) *certs.Authority {
	t.Helper()
	a, err := certs.NewAuthority("mesh", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestURIPatterns(t *testing.T) {
	for pattern, want := range map[string]bool{
		"spiffe://x/a": true, "spiffe://x/*/b": true, "https://x": true,
		"": false, "x": false, "*": false, "spiffe:///a": false, "spiffe://x/[a]": false, "spiffe://x/?": false, "spiffe://x/\\*": false, "mesh.test:4000": false,
	} {
		if got := peertls.IsURIPattern(pattern); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}
