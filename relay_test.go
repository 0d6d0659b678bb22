package mesh_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// relay passes what comes to l on to what dial returns, and back, until the test ends.
func relay(t *testing.T, l net.Listener, dial func() (net.Conn, error)) {
	t.Helper()
	var work sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	closed := false
	keep := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		if open = append(open, c); closed {
			c.Close()
		}
	}
	work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			keep(in)
			work.Go(func() {
				defer in.Close()
				out, err := dial()
				if err != nil {
					return
				}
				keep(out)
				defer out.Close()
				work.Go(func() { io.Copy(out, in); out.Close() })
				io.Copy(in, out)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		closed = true
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
}

// TestRelayBetweenServers: who passes on a handshake between two servers gets a link between
// them over ws, as SECURITY.md says. Over wss he would have to be the end of the dialler's
// connection, for which he lacks the certificate; and if he has one, both see it.
func TestRelayBetweenServers(t *testing.T) {
	t.Parallel()
	t.Run("ws", func(t *testing.T) {
		seen := newPeers()
		server := start(t, mesh.Config{Listen: "127.0.0.1:0", AuthToken: "s"}, mesh.WithObserver(seen))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		relay(t, l, func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(server.Advertised(), "ws://")) })
		m := start(t, mesh.Config{Listen: "127.0.0.1:0", AuthToken: "s", Peers: []string{"ws://" + l.Addr().String()}})
		seen.waitFor(t, m.ID())
	})
	// A relay with a certificate by an authority that servers trust for others, too, is the end
	// of both connections.
	public := mustAuthority("public")
	everybodys := func(t *testing.T) *tls.Config {
		pair, err := public.Issue(time.Hour, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(public.Cert)
		return &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool}
	}
	for name, c := range map[string]struct {
		dialler, acceptor bool // allow proxies
		unbound           bool // the dialler's TLS has no tls-exporter
		plain             bool // the roster leads the dialler to a relay without TLS
	}{
		"public":                              {},
		"public, the dialler allows proxies":  {dialler: true},
		"public, the acceptor allows proxies": {acceptor: true},
		"TLS without a binding":               {unbound: true},
		"TLS without a binding, allowed":      {unbound: true, dialler: true},
		"no TLS to the dialler":               {plain: true},
		"no TLS to the dialler, allowed":      {plain: true, dialler: true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			scheme, ours := "ws://", everybodys(t)
			if !c.plain {
				scheme, l = "wss://", tls.NewListener(l, everybodys(t))
			}
			if c.unbound {
				// As a relay without extended master secrets, which Go's TLS always has.
				ours.MaxVersion, ours.Renegotiation = tls.VersionTLS12, tls.RenegotiateOnceAsClient
			}
			dialled, accepted := newPeers(), newPeers()
			server := start(t, mesh.Config{Listen: "127.0.0.1:0", TLS: mesh.TLS{Config: everybodys(t)}, AuthToken: "s", AllowTLSProxies: c.acceptor}, mesh.WithObserver(accepted))
			relay(t, l, func() (net.Conn, error) {
				return tls.Dial("tcp", strings.TrimPrefix(server.Advertised(), "wss://"), everybodys(t))
			})
			m := start(t, mesh.Config{Listen: "127.0.0.1:0", TLS: mesh.TLS{Config: ours}, AuthToken: "s", Peers: []string{scheme + l.Addr().String()},
				AllowTLSProxies: c.dialler}, mesh.WithObserver(dialled))
			if c.dialler || c.acceptor {
				accepted.waitFor(t, m.ID())
				return
			}
			for end, seen := range map[string]*peers{"dialler": dialled, "acceptor": accepted} {
				if why := await.Value(t, seen.refused); !errors.Is(why, core.ErrRelayed) {
					t.Errorf("the %s refuses with %v", end, why)
				}
			}
			if len(m.Peers()) > 0 || len(server.Peers()) > 0 || server.Stats().RefusalReasons["relayed"] == 0 {
				t.Error("they are linked, or it is not counted")
			}
		})
	}
	t.Run("wss", func(t *testing.T) {
		ours, seen := issued(t, authority(), "127.0.0.1"), newPeers()
		server := start(t, mesh.Config{Listen: "127.0.0.1:0", TLS: ours, AuthToken: "s"})
		pair, err := mustAuthority("rogue").Issue(time.Hour, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
		if err != nil {
			t.Fatal(err)
		}
		relay(t, l, func() (net.Conn, error) {
			return tls.Dial("tcp", strings.TrimPrefix(server.Advertised(), "wss://"), &tls.Config{InsecureSkipVerify: true})
		})
		m := start(t, mesh.Config{Listen: "127.0.0.1:0", TLS: ours, AuthToken: "s", Peers: []string{"wss://" + l.Addr().String()}}, mesh.WithObserver(seen))
		if why := await.Value(t, seen.refused); !errors.Is(why, core.ErrUnauthorized) || !strings.Contains(why.Error(), "certificate") {
			t.Errorf("refused with %v", why)
		}
		if len(m.Peers()) > 0 || len(server.Peers()) > 0 {
			t.Error("they are linked")
		}
	})
}
