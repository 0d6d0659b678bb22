package node_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
)

// recv receives a frame, and keeps it.
func recv(t *testing.T, conn core.Conn) []byte {
	t.Helper()
	frame, err := conn.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(frame)
}

// dialsRogue starts a node that has a token, and dials an acceptor that the test plays.
func (w *world) dialsRogue() (a *server, conn core.Conn) {
	w.t.Helper()
	listener, err := w.net.Transport("b").Listen(w.t.Context(), "b")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { listener.Close() })
	a = w.start("a", withToken("secret"))
	w.roster.Tell(core.Peer{ID: "b", Address: "mem://b"})
	if conn, err = listener.Accept(); err != nil {
		w.t.Fatal(err)
	}
	return a, conn
}

// A dialler does not show its token to what it finds at an address of the roster, and
// is not taken in by one that does not have it.
func TestTokenIsNotGivenToRogueAcceptors(t *testing.T) {
	for name, answer := range map[string]func(hello, welcome, proof []byte) []byte{
		"no proof":          func(_, _, _ []byte) []byte { return []byte{0x11} },
		"its own sent back": func(_, _, proof []byte) []byte { return proof },
		"of another token":  func(hello, welcome, _ []byte) []byte { return node.ProofFrame("guess", false, hello, welcome) },
		"cut off":           func(hello, welcome, _ []byte) []byte { return node.ProofFrame("secret", false, hello, welcome)[:20] },
		"of another HELLO": func(_, welcome, _ []byte) []byte {
			return node.ProofFrame("secret", false, node.GuardedHello("a", "n"), welcome)
		},
		"START in its place": func(_, _, _ []byte) []byte { return node.StartFrame("json") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, conn := w.dialsRogue()
				hello := recv(t, conn)
				welcome := node.WelcomeFrame("b", "nonce of b")
				send(t, conn, welcome)
				proof := recv(t, conn)
				if bytes.Contains(hello, []byte("secret")) || bytes.Contains(proof, []byte("secret")) {
					t.Errorf("the token is sent: %q, %q", hello, proof)
				}
				if want := node.ProofFrame("secret", true, hello, welcome); !bytes.Equal(proof, want) {
					t.Errorf("the proof is %x, want %x", proof, want)
				}
				send(t, conn, answer(hello, welcome, proof))
				expect(t, "closed with", closedWith(t, conn), core.CloseHelloInvalid)
				expect(t, "peers", len(a.Peers()), 0)
			})
		})
	}
}

// Nor does an acceptor that wants no proof become a peer: it has no token.
func TestAcceptorWithoutTokenGetsNoProof(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, conn := w.dialsRogue()
		recv(t, conn)
		send(t, conn, node.WelcomeFrame("b", ""))
		expect(t, "closed with", closedWith(t, conn), core.CloseHelloInvalid)
		expect(t, "peers", len(a.Peers()), 0)
	})
}

// An acceptor wants a proof that was made for this handshake: what was recorded of
// another one is refused, and strangers get nothing that depends on the token.
func TestDiallersHaveToProveTheToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", withToken("secret"))
		hello := node.GuardedHello("q", "nonce of q")
		conn := w.dial("a")
		send(t, conn, hello)
		welcome := recv(t, conn)
		recorded := node.ProofFrame("secret", true, hello, welcome)
		expect(t, "peers before the proof", len(a.Peers()), 0)
		send(t, conn, recorded)
		if got, want := recv(t, conn), node.ProofFrame("secret", false, hello, welcome); !bytes.Equal(got, want) {
			t.Errorf("answered %x, want %x", got, want)
		}
		within(time.Millisecond)
		expect(t, "peers", len(a.Peers()), 1)

		for name, proof := range map[string]func(welcome []byte) []byte{
			"replayed":         func([]byte) []byte { return recorded },
			"of the acceptor":  func(welcome []byte) []byte { return node.ProofFrame("secret", false, hello, welcome) },
			"of another token": func(welcome []byte) []byte { return node.ProofFrame("guess", true, hello, welcome) },
			"none":             func([]byte) []byte { return []byte{0x11} },
			"another frame":    func([]byte) []byte { return node.StartFrame("json") },
			"empty":            func([]byte) []byte { return nil },
			"the token itself": func([]byte) []byte { return []byte("\x11secret") },
		} {
			before := a.Stats().Refused
			conn := w.dial("a")
			send(t, conn, hello)
			welcome := recv(t, conn)
			if bytes.Contains(welcome, []byte("secret")) {
				t.Error("the token is sent")
			}
			send(t, conn, proof(welcome))
			expect(t, name+": closed with", closedWith(t, conn), core.CloseHelloInvalid)
			within(time.Millisecond)
			expect(t, name+": refused", a.Stats().Refused, before+1)
		}
	})
}

// While tokens are being changed, nodes link in both directions as long as each accepts the
// other's own.
func TestTokensInRotation(t *testing.T) {
	for _, c := range []struct {
		a, b   []string
		linked bool
	}{
		{[]string{"old"}, []string{"old", "new"}, true},
		{[]string{"old", "new"}, []string{"old"}, true},
		{[]string{"new", "old"}, []string{"old", "new"}, true},
		{[]string{"old", "new"}, []string{"new", "old"}, true},
		{[]string{"old", "new"}, []string{"new"}, false},
		{[]string{}, []string{"old"}, false},
		{[]string{"old"}, []string{}, false},
		{[]string{}, []string{}, false},
		{[]string{""}, []string{""}, false},
	} {
		t.Run(fmt.Sprint(c.a, c.b), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				tokens := func(list []string) func(*core.Config) {
					return func(cfg *core.Config) { cfg.Tokens = func() []string { return list } }
				}
				a, b := w.start("a", tokens(c.a)), w.start("b", tokens(c.b))
				within(time.Second)
				expect(t, "linked", len(a.Peers()) == 1 && len(b.Peers()) == 1, c.linked)
			})
		})
	}
}

// With RefuseReferencePeers the plain token goes nowhere, and is taken from nobody.
func TestReferencePeersAreRefused(t *testing.T) {
	refuse := func(cfg *core.Config) { cfg.RefuseReferencePeers = true }
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		listener := w.referencePort("b")
		a := w.start("a", withToken("secret"), refuse)
		w.roster.Tell(core.Peer{ID: "b", Address: "mem://b"})
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if frame, err := conn.Recv(); err == nil {
			t.Errorf("the reference peer is sent %q", frame)
		}
		stranger := w.dial("a")
		send(t, stranger, node.HelloFrame("q", "mem://q", "secret"))
		expect(t, "closed with", closedWith(t, stranger), core.CloseHelloInvalid)
		expect(t, "peers", len(a.Peers()), 0)
		if a.RefusedWith(core.ErrUnauthorized) < 2 {
			t.Error("both are not reported")
		}
	})
}
