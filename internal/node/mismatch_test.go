package node_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
)

func speaks(codecs ...core.Codec) func(*core.Config) {
	return func(cfg *core.Config) { cfg.Codecs = codecs }
}

func versions(lowest, highest int) *node.Dialect {
	return &node.Dialect{Min: lowest, Max: highest, Feature: "telepathy", Member: "mood"}
}

// Two nodes that have no codec or version in common both log what each of them offers.
func TestMismatch(t *testing.T) {
	both := []core.Codec{json.New(), msgpack.New()}
	for _, c := range []struct {
		name           string
		codecsA        []core.Codec
		codecsB        []core.Codec
		b              *node.Dialect
		offerA, offerB string
		want           error
	}{
		{"codecs", []core.Codec{json.New()}, []core.Codec{msgpack.New()}, nil, "versions 1-1, codecs json", "versions 1-1, codecs msgpack", core.ErrNoCommonCodec},
		{"versions", both, both, versions(2, 3), "versions 1-1, codecs json msgpack", "versions 2-3, codecs json msgpack", core.ErrNoCommonVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a", speaks(c.codecsA...)), w.startSpeaking("b", c.b, speaks(c.codecsB...)) // a dials
				within(time.Minute)
				expect(t, "a's peers", len(a.Peers()), 0)
				expect(t, "b's peers", len(b.Peers()), 0)
				for _, side := range []struct {
					*server
					ours, theirs string
				}{{a, c.offerA, c.offerB}, {b, c.offerB, c.offerA}} {
					tries := side.RefusedWith(c.want)
					expect(t, side.ID()+"'s refusals that are counted", side.Stats().Refused, uint64(tries))
					var mismatch *core.MismatchError
					if tries == 0 || !errors.As(side.Refusals()[0], &mismatch) {
						t.Fatalf("%s: %d refusals, such as %v", side.ID(), tries, side.Refusals())
					}
					expect(t, side.ID()+"'s offer", mismatch.Ours, side.ours)
					expect(t, "the other's, as "+side.ID()+" sees it", mismatch.Theirs, side.theirs)
					if n := side.logs.Count("WARN", "we offer "+side.ours+"; the peer offers "+side.theirs); n == 0 || n > tries {
						t.Errorf("%s: %d warnings of %d tries", side.ID(), n, tries)
					}
				}
			})
		})
	}
}

// A peer that is refused because it has nothing in common is told what the node offers.
func TestMismatchIsTold(t *testing.T) {
	for name, hello := range map[string][]byte{
		"codec":   node.HelloFrame("q", "ws://q", "", "gob"),
		"version": node.HelloOfVersion("q", 9),
		"nothing": node.HelloFrame("q", "ws://q", "", []string{}...),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.start("a")
				conn := w.dial("a")
				send(t, conn, hello)
				if frame, err := conn.Recv(); err != nil || frame[0] != 2 || !strings.Contains(string(frame), "msgpack") {
					t.Fatalf("no welcome to see the offer: %q, %v", frame, err)
				}
				expect(t, "closed with", closedWith(t, conn), core.CloseMismatch)
			})
		})
	}
}

// A node without msgpack refuses a reference peer.
func TestMismatchWithReferencePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", speaks(json.New()))
		conn := w.dial("a")
		send(t, conn, node.HelloFrame("q", "ws://q", ""))
		expect(t, "closed with", closedWith(t, conn), core.CloseMismatch)
		expect(t, "refused", a.RefusedWith(core.ErrNoCommonCodec), 1)
		expect(t, "logged", a.logs.Count("WARN", "we offer versions 1-1, codecs json; the peer offers the reference's protocol, codecs msgpack"), 1)
	})
}

// Each side writes in the codec it prefers.
func TestCodecsDifferByDirection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", speaks(msgpack.New(), json.New())), w.start("b")
		within(time.Second)
		expect(t, "a writes", a.Peers()[0].Codec, "msgpack")
		expect(t, "b writes", b.Peers()[0].Codec, "json")
		a.emit("in msgpack")
		b.emit("in json")
		within(time.Second)
		expectList(t, "a", a.received(), "b: in json")
		expectList(t, "b", b.received(), "a: in msgpack")
	})
}

// Nodes speak the latest version that both know, and ignore what a later version adds
// to the handshake.
func TestVersionsOverlap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.startSpeaking("b", versions(1, 2)), w.startSpeaking("c", versions(1, 3))
		within(time.Second)
		expectMembers(t, a, b, c)
		for _, pair := range []struct {
			of   *server
			want [2]int // with the other two, by their names
		}{{a, [2]int{1, 1}}, {b, [2]int{1, 2}}, {c, [2]int{1, 2}}} {
			peers := pair.of.Peers()
			expect(t, pair.of.ID()+"'s versions", [2]int{peers[0].Version, peers[1].Version}, pair.want)
		}
		expect(t, "it is in the log", c.logs.Count("INFO", "version=2"), 1)
	})
}
