package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// The reference's HELLOs, as captured from it.
var goldenHellos = []struct {
	name  string
	hex   string
	hello hello
}{
	{
		"no token",
		"0082a3756964b033383666313862646436363831663030a761646472657373b477733a2f2f3132372e302e302e313a3233373934",
		hello{uid: "386f18bdd6681f00", address: "ws://127.0.0.1:23794"},
	},
	{
		"with token",
		"0083a3756964b031323263386134353239656533323866a761646472657373b477733a2f2f3132372e302e302e313a3233373939a5746f6b656ea97333637265742dc3a9",
		hello{uid: "122c8a4529ee328f", address: "ws://127.0.0.1:23799", token: "s3cret-é"},
	},
}

func TestHelloGolden(t *testing.T) {
	for _, g := range goldenHellos {
		want, _ := hex.DecodeString(g.hex)
		if got := appendHello(nil, frameHello, &g.hello); !bytes.Equal(got, want) {
			t.Errorf("%s: encoded\n%x, want\n%x", g.name, got, want)
		}
		if got, err := decodeHello(want, frameHello); err != nil || !reflect.DeepEqual(*got, g.hello) {
			t.Errorf("%s: decoded %+v, %v", g.name, got, err)
		}
	}
}

// The protocol between Go nodes must not change by accident: nodes of different
// versions meet while a mesh is upgraded. These bytes are version 1 (docs/wire.md).
func TestNativeHandshakeGolden(t *testing.T) {
	h := &hello{uid: "386f18bdd6681f00", address: "ws://10.0.0.7:4000", token: "t", offer: &offer{
		minVersion: 1, maxVersion: 1, codecs: []string{"json", "msgpack"}, link: "0000000000000001", process: "p"}}
	s := start{codec: "json", turn: 7, epoch: "e", session: "s", positions: []uint64{300, 1}, lost: lostKinds{core.KindBroadcast: 2}, gap: "g"}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"HELLO": {appendHello(nil, frameHello, h), "0084a3756964b033383666313862646436363831663030a761646472657373b277733a2f2f31302e302e302e373a34303030a5746f6b656ea174" +
			"a46d65736886a36d696e01a36d617801a6636f6465637392a46a736f6ea76d73677061636ba8666561747572657390a46c696e6bb030303030303030303030303030303031a770726f63657373a170"},
		"WELCOME": {appendHello(nil, frameWelcome, &hello{uid: "b", offer: h.offer}), "0283a3756964a162a761646472657373a0" +
			"a46d65736886a36d696e01a36d617801a6636f6465637392a46a736f6ea76d73677061636ba8666561747572657390a46c696e6bb030303030303030303030303030303031a770726f63657373a170"},
		"HELLO with a nonce": {appendHello(nil, frameHello, guardedHello("b", "n")), "0083a3756964a162a761646472657373a0a46d65736887a36d696e01a36d617801a6636f6465637391a46a736f6ea8666561747572657390a46c696e6ba131a770726f63657373a0a56e6f6e6365a16e"},
		"PROOF":              {transcript{hello: []byte("hello"), welcome: []byte("welcome")}.proof("secret", dialler), "1188bfdf32c1a26cf8740375f97bb839f541852354bb8a149e6ab783fe4ffef254"},
		"HELLO with a key":   {appendHello(nil, frameHello, &hello{uid: "b", offer: &offer{minVersion: 1, maxVersion: 1, link: "1", process: "p", key: "k", challenge: "c"}}), "0083a3756964a162a761646472657373a0a46d65736888a36d696e01a36d617801a6636f6465637390a8666561747572657390a46c696e6ba131a770726f63657373a170a36b6579a16ba96368616c6c656e6765a163"},
		"HELLO over TLS":     {appendHello(nil, frameHello, &hello{uid: "b", offer: &offer{minVersion: 1, maxVersion: 1, link: "1", process: "p", binding: "0a"}}), "0083a3756964a162a761646472657373a0a46d65736887a36d696e01a36d617801a6636f6465637390a8666561747572657390a46c696e6ba131a770726f63657373a170a762696e64696e67a23061"},
		"PROOF of a key":     {transcript{hello: []byte("hello"), welcome: []byte("welcome"), secret: []byte("shared")}.proof("", dialler), "119370e55ddb8572a24c71f3ad1c55f7d57a42f5b5176ac91881b07b9384e151b0"},
		"PROOF of both":      {transcript{hello: []byte("hello"), welcome: []byte("welcome"), secret: []byte("shared")}.proof("secret", acceptor), "11abe22155ddde388df51554e99ec0eb7199233d927150d182b1fc62ce400c359f4fc95d7badd818b99dc4a17e8fe117551303566037207f4b12d7d8a8aee9c074"},
		"START":              {appendStart(nil, s), "0387a47475726e07a5636f646563a46a736f6ea565706f6368a165a773657373696f6ea173a9706f736974696f6e7392cd012c01a46c6f737481a13302a3676170a167"},
		"PING":               {pingFrame, "04"},
		"PONG":               {pongFrame, "05"},
		"FLUSH":              {appendFlush(nil, 3), "0981a473656e7403"},
		"SYNC":               {appendSync(nil, 300, "s"), "0dac0273"},
		"ACK":                {appendAck(nil, ack{counts: []uint64{300, 1}}), "0e00ac0201"},
		"ACK, ended":         {appendAck(nil, ack{ended: true, counts: []uint64{7}}), "0e0107"},
		"ACK, unknown":       {appendAck(nil, ack{unknown: true}), "0e02"},
		"FLUSHED":            {flushedFrame, "0a"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
}

func TestHelloRefused(t *testing.T) {
	for name, src := range map[string]string{
		"too small":             "00",
		"another kind":          "0183a3756964a171a36e7370a12fa47479706502",
		"no uid":                "0081a761646472657373a677733a2f2f78",
		"does not decode":       "00c1",
		"nil":                   "00c0",
		"uid is a number":       "0081a375696401",
		"trailing bytes":        "0081a3756964a171c0",
		"mesh is not a map":     "0082a3756964a171a46d65736801",
		"claims 2^32 - 1 pairs": "00dfffffffff",
	} {
		b, err := hex.DecodeString(src)
		if err != nil {
			t.Fatal(name, err)
		}
		if h, err := decodeHello(b, frameHello); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	long := appendHello(nil, frameHello, &hello{uid: strings.Repeat("x", core.MaxIDLength+1)})
	if _, err := decodeHello(long, frameHello); !errors.Is(err, core.ErrMalformed) {
		t.Errorf("a giant uid: %v", err)
	}
}

func TestHelloOfLaterVersions(t *testing.T) {
	b := msgpack.AppendMapHeader([]byte{frameHello}, 2)
	b = appendPair(b, "uid", "q")
	b = appendPair(b, "mood", "fine")
	if h, err := decodeHello(b, frameHello); err != nil || h.uid != "q" {
		t.Errorf("an unknown member: %+v, %v", h, err)
	}
}

func TestHelloRoundTrip(t *testing.T) {
	want := &hello{uid: "a", address: "ws://x:1", token: "t", offer: &offer{
		minVersion: 1, maxVersion: 3, codecs: []string{"json", "msgpack"}, features: []string{"f"}, link: "l", process: "p"}}
	got, err := decodeHello(appendHello(nil, frameWelcome, want), frameWelcome)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	s := start{codec: "json", turn: 7, epoch: "e", session: "p", positions: []uint64{1 << 40, 0}, lost: lostKinds{0: 1, core.KindInterest: 1 << 33}}
	if got, err := decodeStart(appendStart(nil, s)); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("start: %+v, %v", got, err)
	}
}

func TestAgree(t *testing.T) {
	ours := &offer{minVersion: 1, maxVersion: 2, codecs: []string{"proto", "json", "msgpack"}}
	if on, err := agree(ours, &offer{minVersion: 1, maxVersion: 5, codecs: []string{"msgpack", "json"}}); err != nil || on != (terms{version: 2, codec: 1}) {
		t.Errorf("%+v, %v", on, err)
	}
	var mismatch *core.MismatchError
	_, err := agree(ours, &offer{minVersion: 3, maxVersion: 5, codecs: []string{"json"}})
	if !errors.Is(err, core.ErrNoCommonVersion) || !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "3-5") || !strings.Contains(err.Error(), "1-2") {
		t.Errorf("version: %v", err)
	}
	_, err = agree(ours, &offer{minVersion: 1, maxVersion: 1, codecs: []string{"gob"}})
	if !errors.Is(err, core.ErrNoCommonCodec) || !strings.Contains(err.Error(), "gob") || !strings.Contains(err.Error(), "proto json msgpack") {
		t.Errorf("codec: %v", err)
	}
}

func TestAuthorise(t *testing.T) {
	for _, c := range []struct {
		ours, theirs string
		ok           bool
	}{{"", "", true}, {"", "x", true}, {"x", "x", true}, {"x", "", false}, {"x", "y", false}, {"x", "xx", false}} {
		err := (&Node{cfg: core.Config{AuthToken: c.ours}}).authorise(&hello{token: c.theirs})
		if ok := err == nil; ok != c.ok || !ok && !errors.Is(err, core.ErrUnauthorized) {
			t.Errorf("%q against %q: %v", c.theirs, c.ours, err)
		}
	}
}

func FuzzHello(f *testing.F) {
	for _, g := range goldenHellos {
		b, _ := hex.DecodeString(g.hex)
		f.Add(b)
	}
	f.Add(appendHello(nil, frameHello, &hello{uid: "a", offer: &offer{codecs: []string{"json"}, link: "l"}}))
	f.Add(appendStart(nil, start{codec: "json"}))
	f.Fuzz(func(t *testing.T, src []byte) {
		if h, err := decodeHello(src, frameHello); err == nil {
			again, err := decodeHello(appendHello(nil, frameHello, h), frameHello)
			if err != nil || again.uid != h.uid || again.token != h.token {
				t.Fatalf("%+v came back as %+v, %v", h, again, err)
			}
		}
		if len(src) > 0 {
			decodeStart(src)
		}
	})
}
