package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// warned tells whether one line of the log is a warning with all of these texts.
func (s *server) warned(texts ...string) bool {
	for line := range strings.Lines(s.logs.String()) {
		all := strings.Contains(line, "level=WARN")
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			return true
		}
	}
	return false
}

// at makes a node listen at one address and advertise another one.
func at(listen, advertise string) func(*core.Config) {
	return func(c *core.Config) { c.Listen, c.Advertise = listen, advertise }
}

func token(secret string) func(*core.Config) { return func(c *core.Config) { c.AuthToken = secret } }

// TestWarnings: a configuration that is legal and surely not meant is warned of after a
// while, not before, and the warning names the setting that mends it.
func TestWarnings(t *testing.T) {
	const token32 = "a-token-that-all-servers-know-0001"
	for _, c := range []struct {
		name  string
		setup func(w *world) (warns *server)
		lasts time.Duration // when the warning is due
		want  []string
	}{
		{"localhost while listening on all interfaces", func(w *world) *server {
			return w.start("a", at("0.0.0.0:4000", "mem://localhost:4000"))
		}, time.Second, []string{"means another machine", "MESH_ADVERTISE", "advertise=mem://localhost:4000"}},
		{"0.0.0.0 advertised", func(w *world) *server {
			return w.start("a", at("10.0.0.7:4000", "mem://0.0.0.0:4000"))
		}, time.Second, []string{"means another machine", "MESH_ADVERTISE"}},
		{"no token on all interfaces", func(w *world) *server {
			return w.start("a", at("0.0.0.0:4000", "mem://10.0.0.7:4000"))
		}, time.Second, []string{"no token", "MESH_AUTH_TOKEN"}},
		{"no token in an application's own server", func(w *world) *server {
			return w.start("a", at("handler", "mem://app1.example:443/mesh"))
		}, time.Second, []string{"no token", "MESH_AUTH_TOKEN"}},
		{"an address leads back", func(w *world) *server {
			a := w.start("a")
			w.start("b", at("b", "mem://a"))
			return a
		}, 2 * time.Second, []string{"leads back", "MESH_ADVERTISE", "peer=b", "address=mem://a"}},
		{"the same address, seen by one that has it", func(w *world) *server {
			w.start("a")
			return w.start("b", at("b", "mem://a"))
		}, 42 * time.Second, []string{"the same address", "MESH_ADVERTISE", "peer=a", "other=b"}},
		{"the same address, seen by another one", func(w *world) *server {
			w.start("a")
			w.start("b", at("b", "mem://a"))
			return w.start("c")
		}, 42 * time.Second, []string{"the same address", "MESH_ADVERTISE"}},
		{"TLS at the other side only", func(w *world) *server {
			a := w.start("a", at("a", "ws://a:1"))
			w.start("b", at("b", "wss://b:1"))
			return a
		}, 2 * time.Second, []string{"TLS on one side", "MESH_TLS_CERT", "of this server", "peer=b"}},
		{"TLS at this side only", func(w *world) *server {
			w.start("a", at("a", "ws://a:1"))
			return w.start("b", at("b", "wss://b:1"))
		}, 2 * time.Second, []string{"TLS on one side", "MESH_TLS_CERT", "of that server", "peer=a"}},
		{"no link, at the end that dials", func(w *world) *server {
			w.net.Partition("a", "b")
			a := w.start("a", func(c *core.Config) { c.HandshakeTimeout = time.Second })
			w.start("b")
			return a
		}, 32 * time.Second, []string{"which this one dials", "MESH_ADVERTISE", "peer=b", "error=", "for=3"}},
		{"no link, at the end that is dialled", func(w *world) *server {
			w.net.Partition("a", "b")
			w.start("a", func(c *core.Config) { c.HandshakeTimeout = time.Second })
			return w.start("b")
		}, 32 * time.Second, []string{"which dials this one", "MESH_ADVERTISE", "peer=a", "for=3"}},
		{"another token, at the end that dials", func(w *world) *server {
			a := w.start("a", token(token32))
			w.start("b", token("another"))
			return a
		}, 32 * time.Second, []string{"which this one dials", "MESH_AUTH_TOKEN", "peer=b", "unauthorized"}},
		{"another token, at the end that is dialled", func(w *world) *server {
			w.start("a", token(token32))
			return w.start("b", token("another"))
		}, 32 * time.Second, []string{"which dials this one", "MESH_AUTH_TOKEN", "peer=a", "wrong token"}},
		{"alone", func(w *world) *server { return w.start("a") }, 62 * time.Second, []string{"no other server", "alone", "setting="}},
		{"discovery says nothing", func(w *world) *server {
			return w.start("a", func(c *core.Config) { c.Discovery = silentService{} })
		}, 62 * time.Second, []string{"no other server", "has not reported", "MESH_DISCOVERY_ADDRESS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := c.setup(newWorld(t))
				if c.lasts > 10*time.Second {
					within(c.lasts - 4*time.Second)
					if s.warned(c.want...) {
						t.Errorf("warned before it had lasted: %s", s.logs)
					}
					within(4 * time.Second)
				} else {
					within(c.lasts)
				}
				if !s.warned(c.want...) {
					t.Errorf("no warning with %q in\n%s", c.want, s.logs)
				}
			})
		})
	}
}

// silentService is a discovery service that does not answer.
type silentService struct{}

func (silentService) Name() string { return "service" }

func (silentService) Run(ctx context.Context, _ core.Peer, _ func([]core.Peer)) error {
	<-ctx.Done()
	return nil
}

func (silentService) Endpoints() []core.DiscoveryEndpoint {
	return []core.DiscoveryEndpoint{{Name: "ws://d1:8000", Heard: true}, {Name: "ws://d2:8000", Err: errors.New("connection refused")}}
}

// TestNoWarnings: a mesh in order logs no warning. A node that only its own machine or
// a private network can reach needs no token.
func TestNoWarnings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		servers := []*server{
			w.start("a", at("127.0.0.1:4000", "mem://127.0.0.1:4000")),
			w.start("b", at("10.0.0.7:4000", "mem://10.0.0.7:4000")),
			w.start("c"),
		}
		within(3 * time.Minute)
		servers[2].stop() // which is no loss
		within(time.Minute)
		for _, s := range servers {
			if s.warned("") {
				t.Errorf("%s: %s", s.ID(), s.logs)
			}
		}
	})
}

// TestWarningsRepeat: a warning comes again while its reason lasts, says for how long
// it has, and stops when it is over.
func TestWarningsRepeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.Partition("a", "b")
		a, _ := w.start("a", func(c *core.Config) { c.HandshakeTimeout = time.Second }), w.start("b")
		within(11 * time.Minute)
		expect(t, "warnings in 11 minutes", a.logs.Count("WARN", "which this one dials"), 3)
		if !a.warned("which this one dials", "for=10m3") {
			t.Errorf("no line says that it has lasted for ten minutes: %s", a.logs)
		}
		w.net.Heal("a", "b")
		within(11 * time.Minute)
		expect(t, "warnings in all", a.logs.Count("WARN", "which this one dials"), 3)
	})
}

// TestPeerLost: a peer that is lost without having left is a warning.
func TestPeerLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		w.start("c")
		within(time.Second)
		b.stop()
		within(time.Second)
		if a.warned("peer=b") {
			t.Errorf("a peer that left is warned of: %s", a.logs)
		}
		w.net.Hang("c")
		within(time.Minute)
		if !a.warned("link lost", "peer=c", "silent peer", "MESH_HEARTBEAT_TIMEOUT") || !a.warned("peer lost", "peer=c", "resume window") {
			t.Errorf("a peer that was lost is not warned of: %s", a.logs)
		}
		w.net.Resume("c")
		within(time.Second)
	})
}

func TestWaitForPeers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		done := make(chan error, 1)
		go func() { done <- a.WaitForPeers(t.Context(), 2) }()
		w.start("b")
		within(time.Second)
		select {
		case err := <-done:
			t.Fatalf("one peer is there: %v", err)
		default:
		}
		w.start("c")
		within(time.Second)
		select {
		case err := <-done:
			expect(t, "error", err, nil)
		default:
			t.Error("two peers are there, and it waits")
		}
		expect(t, "for none", a.WaitForPeers(t.Context(), 0), nil)
	})
}

// TestWaitForPeersInVain: the error says how many there are, who is missing, and why.
func TestWaitForPeersInVain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		w.start("b")
		w.net.Refuse("c")
		w.start("c")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := a.WaitForPeers(ctx, 2)
		missing, ok := errors.AsType[*core.PeersError](err)
		if !ok || missing.Want != 2 || missing.Linked != 1 || !errors.Is(err, context.DeadlineExceeded) || len(missing.Unlinked) != 1 {
			t.Fatalf("got %v", err)
		}
		if c := missing.Unlinked[0]; c.ID != "c" || c.Address != "mem://c" || c.Err == nil || time.Since(c.Since) < 4*time.Second {
			t.Errorf("not linked: %+v", c)
		}
		if text := err.Error(); !strings.Contains(text, "2 peers: 1 linked") || !strings.Contains(text, "mem://c (") || !strings.Contains(text, "refused") {
			t.Errorf("it says %s", text)
		}

		alone := w.make("d", func(c *core.Config) { c.Discovery = nil })
		if err := alone.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- alone.WaitForPeers(t.Context(), 1) }()
		within(time.Second)
		alone.stop()
		if err := <-done; !errors.Is(err, core.ErrClosed) {
			t.Errorf("shut down meanwhile: %v", err)
		}
	})
}

// TestRosterTellsOfEndpoints: what discovery tells of what it asks is in Roster, if it does.
func TestRosterTellsOfEndpoints(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.make("a", func(c *core.Config) { c.Discovery = silentService{} })
		endpoints := a.Roster().Endpoints
		if len(endpoints) != 2 || !endpoints[0].Heard || endpoints[1].Heard || endpoints[1].Err == nil {
			t.Errorf("endpoints are %+v", endpoints)
		}
		if endpoints := w.make("b").Roster().Endpoints; endpoints != nil {
			t.Errorf("a discovery that tells nothing has %+v", endpoints)
		}
	})
}
