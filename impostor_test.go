package mesh_test

import (
	"context"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/msgpack"
	"github.com/socketmesh/mesh/transport/ws"
)

// impostor plays a member that would take another one's place. It speaks what docs/wire.md
// says, by itself, and has the token.
type impostor struct {
	token   string
	victim  map[string]string // what the victim says of itself
	private *ecdh.PrivateKey
}

// handshake decodes a HELLO or a WELCOME.
func handshake(t *testing.T, frame []byte) map[string]string {
	t.Helper()
	said := map[string]string{}
	r := msgpack.NewReader(frame[1:])
	var fields func(key []byte) error
	fields = func(key []byte) error {
		switch {
		case string(key) == "mesh":
			return r.Fields(fields)
		case r.Next() == msgpack.String:
			value, err := r.String()
			said[string(key)] = string(value)
			return err
		}
		return r.Skip()
	}
	if err := r.Fields(fields); err != nil {
		t.Fatal(err)
	}
	return said
}

// says is a HELLO or a WELCOME under the victim's id and process, with a later name for
// the link and a key of the impostor's own.
func (i *impostor) says(kind byte) []byte {
	b := msgpack.AppendMapHeader([]byte{kind}, 3)
	pair := func(key, value string) { b = msgpack.AppendString(msgpack.AppendString(b, key), value) }
	pair("uid", i.victim["uid"])
	pair("address", i.victim["address"])
	b = msgpack.AppendMapHeader(msgpack.AppendString(b, "mesh"), 9)
	for _, version := range []string{"min", "max"} {
		b = msgpack.AppendInt(msgpack.AppendString(b, version), 1)
	}
	b = msgpack.AppendString(msgpack.AppendArrayHeader(msgpack.AppendString(b, "codecs"), 1), "json")
	b = msgpack.AppendString(msgpack.AppendArrayHeader(msgpack.AppendString(b, "features"), 1), "resume")
	pair("link", "ffffffffffffffff "+i.victim["uid"])
	pair("process", i.victim["process"])
	pair("nonce", rand.Text())
	pair("key", hex.EncodeToString(i.private.PublicKey().Bytes()))
	pair("challenge", rand.Text())
	return b
}

// proof is a PROOF of the key that the impostor has, and of the token.
func (i *impostor) proof(t *testing.T, end string, hello, welcome []byte, theirKey string) []byte {
	t.Helper()
	public, err := hex.DecodeString(theirKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := i.private.ECDH(key)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(key []byte) []byte {
		m := hmac.New(sha256.New, key)
		for _, part := range [][]byte{[]byte(end), hello, welcome, secret} {
			m.Write(append(binary.AppendUvarint(nil, uint64(len(part))), part...))
		}
		return m.Sum(nil)
	}
	return append(append([]byte{0x11}, mac(secret)...), mac([]byte(i.token))...)
}

func (i *impostor) send(t *testing.T, conn core.Conn, frame []byte) []byte {
	t.Helper()
	if err := conn.Send(t.Context(), [][]byte{frame}); err != nil {
		t.Fatal(err)
	}
	return frame
}

func (i *impostor) recv(t *testing.T, conn core.Conn) []byte {
	t.Helper()
	frame, err := conn.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(nil), frame...)
}

// TestMemberCannotTakeAnothersPlaceOverWebSocket: a member that knows all that a member can
// know of another one says HELLO, or WELCOME, under its id, with a later name for the link.
// It is refused, and the link that there is goes on.
func TestMemberCannotTakeAnothersPlaceOverWebSocket(t *testing.T) {
	const token = "secret"
	for _, dials := range []bool{true, false} {
		t.Run(fmt.Sprint("dials=", dials), func(t *testing.T) {
			t.Parallel()
			private, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			i := &impostor{token: token, private: private}
			transport := ws.New(ws.Options{})
			listener, err := transport.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { listener.Close() })
			dial := func(address string) core.Conn {
				conn, err := transport.Dial(t.Context(), address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close(core.CloseShutdown) })
				return conn
			}

			b := start(t, mesh.Config{Listen: "127.0.0.1:0", AuthToken: token})
			i.victim = map[string]string{"uid": "m"} // before it has learned more
			conn := dial(b.Advertised())
			i.send(t, conn, i.says(0x00))
			i.victim = handshake(t, i.recv(t, conn))
			conn.Close(core.CloseShutdown)

			seen := newPeers()
			addresses := []string{b.Advertised()}
			if !dials {
				addresses = append(addresses, "ws://"+listener.Addr())
			}
			a := start(t, mesh.Config{Listen: "127.0.0.1:0", AuthToken: token, Peers: addresses}, mesh.WithObserver(seen))
			var hello, welcome []byte
			if dials {
				seen.waitFor(t, b.ID())
				conn = dial(a.Advertised())
				hello = i.send(t, conn, i.says(0x00))
				welcome = i.recv(t, conn)
				i.send(t, conn, i.proof(t, "socketmesh dialler", hello, welcome, handshake(t, welcome)["key"]))
				i.recv(t, conn) // a's own proof
			} else {
				if conn, err = listener.Accept(); err != nil {
					t.Fatal(err)
				}
				hello = i.recv(t, conn)
				seen.waitFor(t, b.ID())
				welcome = i.send(t, conn, i.says(0x02))
				i.recv(t, conn) // a's own proof
				i.send(t, conn, i.proof(t, "socketmesh acceptor", hello, welcome, handshake(t, hello)["key"]))
			}
			_, err = conn.Recv()
			if closed, ok := errors.AsType[*core.CloseError](err); !ok || closed.CloseReason != core.CloseDuplicate {
				t.Errorf("the impostor got: %v", err)
			}
			if why := await.Value(t, seen.refused); !errors.Is(why, core.ErrImpostor) {
				t.Errorf("refused for: %v", why)
			}
			stats := a.Stats()
			if len(stats.Peers) != 1 || stats.Peers[0].ID != b.ID() || stats.Peers[0].Address == "" || stats.PeerDrops["replaced"] != 0 {
				t.Errorf("the link has changed: %+v", stats.Peers)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := b.WaitForPeers(ctx, 1); err != nil {
				t.Error(err)
			}
		})
	}
}
