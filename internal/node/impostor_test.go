package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
)

// impostors are the ways in which a member, which has the token and knows the id and the
// process of another one, can try to pass for it.
var impostors = map[string]struct {
	speak   *node.Dialect
	withKey bool
	want    error
}{
	"with a key of its own":      {nil, false, core.ErrImpostor},
	"with the other's key":       {nil, true, core.ErrImpostor},
	"as a version without a key": {&node.Dialect{Min: 1, Max: 1, NoKey: true}, false, core.ErrImpostor},
}

// lists is a discovery with a roster that does not change.
func lists(peers ...core.Peer) func(*core.Config) {
	return func(cfg *core.Config) {
		cfg.Discovery = runs(func(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
			update(peers)
			<-ctx.Done()
			return nil
		})
	}
}

// TestMemberCannotTakeAnothersPlace: a member that names another one's id and process, and
// calls its link a later one, does not become it: neither when it dials, nor when a rogue
// roster makes others dial it; neither while the other is linked, nor while it may resume.
func TestMemberCannotTakeAnothersPlace(t *testing.T) {
	for name, c := range impostors {
		for _, dials := range []bool{true, false} {
			if c.withKey && !dials {
				continue // it would not take a's proof itself: see TestProofOfAStolenKey
			}
			for _, linked := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, dials=%v, linked=%v", name, dials, linked), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						w := newWorld(t)
						a, b := w.start("a", withToken("secret")), w.start("b", withToken("secret"))
						within(2 * time.Second)
						a.emit("1")
						within(time.Second)
						if !linked {
							w.net.Partition("a", "b")
							w.net.Cut("a", "b")
							within(time.Second)
						}
						rogue := w.make("m", withToken("secret"), func(cfg *core.Config) { cfg.ID = "b" }, lists())
						if dials {
							rogue = w.make("m", withToken("secret"), func(cfg *core.Config) { cfg.ID = "b" }, statically("a"))
						}
						rogue.PoseAs(b.Node, c.withKey)
						rogue.Speak(c.speak)
						if err := rogue.Start(t.Context()); err != nil {
							t.Fatal(err)
						}
						if !dials {
							w.roster.Tell(core.Peer{ID: "x", Address: "mem://m"})
						}
						within(3 * time.Second)
						a.emit("2")
						rogue.emit("forged")
						within(5 * time.Second)
						w.net.Heal("a", "b")
						within(10 * time.Second)
						a.emit("3")
						b.emit("4")
						within(time.Second)
						expectList(t, "the impostor got", rogue.received())
						expectList(t, "b got", b.received(), "a: 1", "a: 2", "a: 3")
						expectList(t, "a got", a.received(), "b: 4")
						expect(t, "a saw of the members", a.membership(), "+b")
						if a.RefusedWith(c.want) == 0 || a.Stats().RefusalReasons["impostor"] == 0 {
							t.Error("it is not counted")
						}
						if a.RefusedWith(core.ErrDuplicateID) == 0 {
							t.Error("it is not reported as a duplicate")
						}
						if a.logs.Count("WARN", "impostor") == 0 {
							t.Error("it is not logged")
						}
						if linked {
							expect(t, "links that a lost", a.Stats().PeerDrops["replaced"]+a.Stats().PeerDrops["silent"], 0)
						}
					})
				})
			}
		}
	}
}

// TestProofOfAStolenKey: an acceptor that names another process's key is not taken for it,
// whatever it sends as its proof. It may have the token.
func TestProofOfAStolenKey(t *testing.T) {
	for name, answer := range map[string]func(proof []byte) []byte{
		"none":              func([]byte) []byte { return []byte{0x11} },
		"what a has sent":   func(proof []byte) []byte { return proof },
		"zeros":             func(proof []byte) []byte { return append([]byte{0x11}, make([]byte, len(proof)-1)...) },
		"the token's alone": func(proof []byte) []byte { return append([]byte{0x11}, proof[33:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a", withToken("secret")), w.start("b", withToken("secret"), statically("a"))
				within(2 * time.Second)
				listener, err := w.net.Transport("m").Listen(t.Context(), "m")
				if err != nil {
					t.Fatal(err)
				}
				defer listener.Close()
				w.roster.Tell(core.Peer{ID: "b", Address: "mem://b"}, core.Peer{ID: "x", Address: "mem://m"})
				conn, err := listener.Accept()
				if err != nil {
					t.Fatal(err)
				}
				recv(t, conn)
				send(t, conn, b.WelcomeOf("nonce of m"))
				send(t, conn, answer(recv(t, conn)))
				expect(t, "closed with", closedWith(t, conn), core.CloseHelloInvalid)
				within(time.Second)
				expect(t, "impostors", a.RefusedWith(core.ErrImpostor), 1)
				a.emit("1")
				within(time.Second)
				expectList(t, "b got", b.received(), "a: 1")
			})
		})
	}
}

// TestReferenceHelloCannotTakeAPlace: a HELLO without an offer, as those of reference nodes,
// is no way around the key of a Go node.
func TestReferenceHelloCannotTakeAPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", withToken("secret")), w.start("b", withToken("secret"))
		within(2 * time.Second)
		conn := w.dial("a")
		send(t, conn, node.ReferenceHelloOf("b", "secret"))
		expect(t, "closed with", closedWith(t, conn), core.CloseDuplicate)
		within(5 * time.Second)
		a.emit("1")
		b.emit("2")
		within(time.Second)
		expectList(t, "b got", b.received(), "a: 1")
		expectList(t, "a got", a.received(), "b: 2")
		expect(t, "duplicates", a.Stats().RefusalReasons["duplicate-id"], 1)
	})
}

// TestRestartedServerGetsItsIDBack: a server that is started again with the id that it had
// does not wait until the resume window is over; the one before has to be gone.
func TestRestartedServerGetsItsIDBack(t *testing.T) {
	for name, end := range map[string]func(w *world, b *server){
		"the process was killed": func(w *world, b *server) { w.net.Kill("b"); b.stop() },
		"its host has gone":      func(w *world, b *server) { w.net.Partition("a", "b"); w.net.Partition("b", "c") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a", withToken("secret")), w.start("b", withToken("secret"))
				within(2 * time.Second)
				end(w, b)
				a.emit("for the first one")
				again := w.start("c", withToken("secret"), func(cfg *core.Config) { cfg.ID = "b" })
				within(core.DefaultHeartbeatTimeout + 2*time.Second + time.Second) // the old link is silent, and does not come back
				a.emit("for the second one")
				again.emit("here I am")
				within(time.Second)
				expectList(t, "the second one got", again.received(), "a: for the second one")
				expectList(t, "a got", a.received(), "b: here I am")
				expect(t, "impostors", a.Stats().RefusalReasons["impostor"], 0)
			})
		})
	}
}

// TestDuplicateCannotUseABrokenLink: another process does not get the id of one whose link
// has just broken, and comes back.
func TestDuplicateCannotUseABrokenLink(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", withToken("secret")), w.start("b", withToken("secret"))
		within(2 * time.Second)
		w.net.Partition("a", "b")
		w.net.Cut("a", "b")
		duplicate := w.start("m", withToken("secret"), func(cfg *core.Config) { cfg.ID = "b" }, statically("a"))
		within(500 * time.Millisecond)
		a.emit("1")
		w.net.Heal("a", "b")
		within(20 * time.Second)
		a.emit("2")
		within(time.Second)
		expectList(t, "b got", b.received(), "a: 1", "a: 2")
		expectList(t, "the duplicate got", duplicate.received())
		if a.RefusedWith(core.ErrDuplicateID) == 0 {
			t.Error("it is not reported")
		}
	})
}

// TestOldVersionsWithoutKeys: nodes of versions that have no key link with those that do, in
// both directions, and resume.
func TestOldVersionsWithoutKeys(t *testing.T) {
	old := &node.Dialect{Min: 1, Max: 1, NoKey: true}
	for _, c := range [][2]*node.Dialect{{nil, old}, {old, nil}, {old, old}} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.startSpeaking("a", c[0], withToken("secret")), w.startSpeaking("b", c[1], withToken("secret"))
			within(2 * time.Second)
			w.net.Partition("a", "b")
			w.net.Cut("a", "b")
			a.emit("1")
			b.emit("2")
			within(3 * time.Second)
			w.net.Heal("a", "b")
			within(20 * time.Second)
			expectList(t, "b got", b.received(), "a: 1")
			expectList(t, "a got", a.received(), "b: 2")
			expect(t, "a saw", a.membership(), "+b")
		})
	}
}

// certifying is a transport whose accepted connections come with a certificate.
type certifying struct {
	core.Transport
	identity func(remote string) string
}

func (certifying) VerifiesPeers() bool { return true }

func (c certifying) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := c.Transport.Listen(ctx, addr)
	return certifyingListener{l, c}, err
}

func (c certifying) Dial(ctx context.Context, addr string) (core.Conn, error) {
	conn, err := c.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return certifiedConn{conn, c.identity(addr)}, nil
}

type certifyingListener struct {
	core.Listener
	transport certifying
}

func (l certifyingListener) Accept() (core.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return certifiedConn{conn, l.transport.identity(conn.RemoteAddr())}, nil
}

type certifiedConn struct {
	core.Conn
	identity string
}

func (c certifiedConn) Identity() string { return c.identity }

// TestCertificateBindsAnID: where servers show certificates, an id belongs to that of its
// first link, for as long as the server may resume: also if its process says no key, and
// for the process that takes its place.
func TestCertificateBindsAnID(t *testing.T) {
	old := &node.Dialect{Min: 1, Max: 1, NoKey: true}
	for name, c := range map[string]struct {
		speak *node.Dialect
		pose  bool // as the same process
		want  error
	}{
		"the same process, of an old version": {old, true, core.ErrImpostor},
		"another process":                     {nil, false, core.ErrImpostor},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a := w.start("a", func(cfg *core.Config) {
					cfg.Transport = certifying{cfg.Transport, func(remote string) string {
						return "spiffe://x/" + strings.TrimPrefix(strings.TrimPrefix(remote, "mem://"), "b")
					}}
				})
				b := w.startSpeaking("b", c.speak)
				within(2 * time.Second)
				w.net.Partition("a", "b")
				w.net.Cut("a", "b")
				rogue := w.make("m", func(cfg *core.Config) { cfg.ID = "b" }, statically("a"))
				if c.pose {
					rogue.PoseAs(b.Node, false)
				}
				rogue.Speak(c.speak)
				if err := rogue.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				within(10 * time.Second)
				a.emit("1")
				w.net.Heal("a", "b")
				within(15 * time.Second)
				expectList(t, "b got", b.received(), "a: 1")
				expectList(t, "the other got", rogue.received())
				if a.RefusedWith(c.want) == 0 {
					t.Error("it is not refused")
				}
				if !errors.Is(c.want, core.ErrDuplicateID) {
					t.Error("it is not reported as a duplicate")
				}
			})
		})
	}
}
