package mesh_test

import (
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/loopback"
)

// two starts two servers with the same configuration but for change, of which the
// second one knows the first one's address. It returns who hears of whom.
func two(t *testing.T, cfg mesh.Config, change func(*mesh.Config)) (a, b *mesh.Mesh, atA, atB *peers) {
	t.Helper()
	atA, atB = newPeers(), newPeers()
	cfg.Listen, cfg.Discovery = "127.0.0.1:0", mesh.DiscoveryStatic
	cfg.RedialMin, cfg.RedialMax = 20*time.Millisecond, 100*time.Millisecond
	a = start(t, cfg, mesh.WithObserver(atA))
	cfg.Peers = []string{a.Advertised()}
	if change != nil {
		change(&cfg)
	}
	b = start(t, cfg, mesh.WithObserver(atB))
	return a, b, atA, atB
}

// Every transport and codec does, by its name alone.
func TestStacksByName(t *testing.T) {
	certificate := issued(t, authority(), "127.0.0.1")
	identified := issued(t, authority(), "spiffe://example.org/ns/chat/sa/mesh") // and no name
	identified.PeerURI = "spiffe://example.org/ns/*/sa/mesh"
	for name, c := range map[string]struct {
		config mesh.Config
		scheme string
	}{
		"ws":                {mesh.Config{Transport: "ws"}, "ws://127.0.0.1:"},
		"ws with TLS":       {mesh.Config{Transport: "ws", TLS: certificate}, "wss://127.0.0.1:"},
		"wss":               {mesh.Config{Transport: "wss", TLS: certificate}, "wss://127.0.0.1:"},
		"quic with a token": {mesh.Config{Transport: "quic", AuthToken: "secret"}, "quic://127.0.0.1:"},
		"wss with URIs":     {mesh.Config{Transport: "wss", TLS: identified}, "wss://127.0.0.1:"},
		"quic with URIs":    {mesh.Config{Transport: "quic", TLS: identified}, "quic://127.0.0.1:"},
		"quic with TLS":     {mesh.Config{Transport: "quic", TLS: certificate}, "quic://127.0.0.1:"},
		"all of it":         {mesh.Config{Transport: "quic", TLS: certificate, AuthToken: "secret", Codec: "msgpack"}, "quic://127.0.0.1:"},
		"proto":             {mesh.Config{Codec: "proto"}, "ws://127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, atA, atB := two(t, c.config, nil)
			atA.waitFor(t, b.ID())
			atB.waitFor(t, a.ID())
			if got := a.Advertised(); !strings.HasPrefix(got, c.scheme) || strings.HasSuffix(got, ":0") {
				t.Errorf("advertised: %s", got)
			}
			if c.config.Codec != "" && a.Peers()[0].Codec != c.config.Codec {
				t.Errorf("peer is written to in %s", a.Peers()[0].Codec)
			}
		})
	}
}

// Who does not belong is refused by both, told why, and does no harm.
func TestStrangersAreRefused(t *testing.T) {
	ours, foreign := authority(), mustAuthority("foreign")
	good := issued(t, ours, "127.0.0.1", "mesh.test")
	stranger := issued(t, foreign, "127.0.0.1", "mesh.test")
	stranger.CAFile = good.CAFile
	misnamed := issued(t, ours, "127.0.0.1")
	misnamed.ServerName = "mesh.test"
	named := good
	named.ServerName = "mesh.test"
	identified := issued(t, ours, "spiffe://example.org/ns/chat/sa/mesh")
	identified.PeerURI = "spiffe://example.org/ns/*/sa/mesh"
	impostor := issued(t, ours, "127.0.0.1", "spiffe://example.org/ns/chat/sa/mesh/web")
	impostor.PeerURI = "spiffe://example.org/*/*/*/*"
	for name, c := range map[string]struct {
		config mesh.Config
		change func(*mesh.Config)
		says   string
	}{
		"another URI, wss":               {mesh.Config{Transport: "wss", TLS: identified}, func(c *mesh.Config) { c.TLS = impostor }, "certificate"},
		"another URI, quic":              {mesh.Config{Transport: "quic", TLS: identified}, func(c *mesh.Config) { c.TLS = impostor }, "certificate"},
		"foreign certificate, wss":       {mesh.Config{Transport: "wss", TLS: good}, func(c *mesh.Config) { c.TLS = stranger }, "certificate"},
		"foreign certificate, quic":      {mesh.Config{Transport: "quic", TLS: good}, func(c *mesh.Config) { c.TLS = stranger }, "certificate"},
		"without the mesh's name, wss":   {mesh.Config{Transport: "wss", TLS: named}, func(c *mesh.Config) { c.TLS = misnamed }, "certificate"},
		"without the mesh's name, quic":  {mesh.Config{Transport: "quic", TLS: named}, func(c *mesh.Config) { c.TLS = misnamed }, "certificate"},
		"no certificate of its own, wss": {mesh.Config{Transport: "ws", TLS: good}, func(c *mesh.Config) { c.TLS = mesh.TLS{CAFile: good.CAFile} }, "certificate"},
		"another token, wss":             {mesh.Config{Transport: "wss", TLS: good, AuthToken: "one"}, func(c *mesh.Config) { c.AuthToken = "two" }, "token"},
		"another token, quic":            {mesh.Config{Transport: "quic", AuthToken: "one"}, func(c *mesh.Config) { c.AuthToken = "two" }, "AuthToken"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, atA, atB := two(t, c.config, c.change)
			for side, why := range map[string]error{"acceptor": await.Value(t, atA.refused), "dialler": await.Value(t, atB.refused)} {
				if !errors.Is(why, core.ErrUnauthorized) || side == "acceptor" && !strings.Contains(why.Error(), c.says) {
					t.Errorf("%s: refused with %v, want core.ErrUnauthorized for the %s", side, why, c.says)
				}
			}
			for _, m := range []*mesh.Mesh{a, b} {
				if n := m.Stats().Refused; n == 0 || len(m.Peers()) > 0 {
					t.Errorf("%d refusals, peers %v", n, m.Peers())
				}
			}
		})
	}
}

// Plain ws at a port for TLS, and the reverse: refused, and the rest goes on.
func TestWrongScheme(t *testing.T) {
	good := issued(t, authority(), "127.0.0.1")
	for name, c := range map[string]struct{ acceptor, dialler mesh.TLS }{
		"ws at a port for TLS": {good, mesh.TLS{}},
		"TLS at a port for ws": {mesh.TLS{}, good},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, atA, _ := two(t, mesh.Config{TLS: c.acceptor}, func(cfg *mesh.Config) {
				cfg.TLS = c.dialler
				scheme, address, _ := strings.Cut(cfg.Peers[0], "://")
				cfg.Peers[0] = map[string]string{"ws": "wss", "wss": "ws"}[scheme] + "://" + address
			})
			if why := await.Value(t, atA.refused); !errors.Is(why, core.ErrMalformed) {
				t.Errorf("refused with %v", why)
			}
			atC := newPeers()
			start(t, mesh.Config{Listen: "127.0.0.1:0", Peers: []string{a.Advertised()}, TLS: c.acceptor}, mesh.WithObserver(atC))
			atC.waitFor(t, a.ID())
		})
	}
}

// Running servers take new certificates and another authority from their files,
// for accepting and for dialling.
func TestCertificatesAreRenewed(t *testing.T) {
	old, next := mustAuthority("old"), mustAuthority("new")
	for _, transport := range []string{"wss", "quic"} {
		t.Run(transport, func(t *testing.T) {
			files := issued(t, old, "127.0.0.1")
			later := loopback.FreeAddress(t)
			a, b, atA, atB := two(t, mesh.Config{Transport: transport, TLS: files}, func(c *mesh.Config) {
				c.Peers = append(c.Peers, transport+"://"+later)
			})
			atA.waitFor(t, b.ID())

			renewed := issued(t, next, "127.0.0.1")
			for from, to := range map[string]string{renewed.CertFile: files.CertFile, renewed.KeyFile: files.KeyFile, renewed.CAFile: files.CAFile} {
				replace(t, from, to)
			}
			c := start(t, mesh.Config{Transport: transport, TLS: renewed, Listen: later, Peers: []string{a.Advertised()}})
			atA.waitFor(t, c.ID())
			atB.waitFor(t, c.ID())
			if peers := b.Peers(); len(peers) != 2 {
				t.Errorf("a link that was up has gone: %+v", peers)
			}
		})
	}
}

// replace moves a file over another one, with a time of its own.
func replace(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, text)
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(to, later, later); err != nil {
		t.Fatal(err)
	}
}

// A configuration of one's own does what files do.
func TestTLSConfigOfOnesOwn(t *testing.T) {
	pair, err := authority().Issue(time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	pool := authority().Pool()
	for _, transport := range []string{"wss", "quic"} {
		cfg := mesh.Config{Transport: transport, TLS: mesh.TLS{Config: &tls.Config{
			Certificates: []tls.Certificate{certificate}, RootCAs: pool, ClientCAs: pool,
		}}}
		_, b, atA, _ := two(t, cfg, nil)
		atA.waitFor(t, b.ID())
	}
}
