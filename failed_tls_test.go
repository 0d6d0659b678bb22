package mesh_test

import (
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// TestFailedTLSHandshakesAreLimited: an address from which many TLS handshakes have failed
// is refused before the next one costs anything.
func TestFailedTLSHandshakesAreLimited(t *testing.T) {
	pair, err := mustAuthority("another").Issue(time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{foreign}, RootCAs: authority().Pool()}
	for name, dialler := range map[string]core.Transport{"wss": ws.New(ws.Options{TLS: config}), "quic": quic.New(quic.Options{TLS: config})} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, mesh.Config{Listen: "127.0.0.1:0", Transport: name, TLS: issued(t, authority(), "127.0.0.1")})
			const burst = 64
			for deadline := time.Now().Add(2 * time.Minute); m.Stats().RefusalReasons["rate-limited"] < 5; {
				if time.Now().After(deadline) {
					t.Fatalf("refused: %v", m.Stats().RefusalReasons)
				}
				var dials sync.WaitGroup // at once, so that they come faster than failures are forgotten
				for range 16 {
					dials.Go(func() {
						if conn, err := dialler.Dial(t.Context(), m.Advertised()); err == nil {
							conn.Recv() // until the acceptor has found the certificate wrong
							conn.Close(core.CloseShutdown)
						}
					})
				}
				dials.Wait()
			}
			if failed := m.Stats().RefusalReasons["unauthorized"]; failed < burst {
				t.Errorf("limited after %d failures", failed)
			}
		})
	}
}
