package stack

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
	"github.com/socketmesh/mesh/internal/node"
)

// Nodes that have nothing in common both say so, with what both of them offer.
func TestMismatch(t *testing.T) {
	for _, c := range []struct {
		name    string
		codec   string
		dialect *node.Dialect
		offer   string
		want    error
	}{
		{"codec", "proto", nil, "versions 1-1, codecs proto", core.ErrNoCommonCodec},
		{"version", "json", &node.Dialect{Min: 2, Max: 3}, "versions 2-3, codecs json", core.ErrNoCommonVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEveryTransport(t, func(w *world) {
				speak := func(cfg *core.Config) { cfg.Codecs = []core.Codec{newCodec(c.codec)} }
				a, b := w.start("a"), w.startSpeaking("b", c.dialect, speak)
				offers := map[*member]string{a: "versions 1-1, codecs json", b: c.offer}
				for m, other := range map[*member]*member{a: b, b: a} {
					w.eventually(func() error {
						if m.RefusedWith(c.want) == 0 {
							return fmt.Errorf("%s has refused nobody: %v", m.ID, m.Refusals())
						}
						return nil
					})
					var mismatch *core.MismatchError
					if !errors.As(m.Refusals()[0], &mismatch) || mismatch.Ours != offers[m] || mismatch.Theirs != offers[other] {
						w.Errorf("%s: %v", m.ID, m.Refusals()[0])
					}
					w.eventually(func() error {
						if m.log.Count("WARN", "we offer "+offers[m]+"; the peer offers "+offers[other]) == 0 {
							return fmt.Errorf("%s has not logged it:\n%s", m.ID, m.log.String())
						}
						return nil
					})
					w.want(m.ID+"'s peers", len(m.node.Peers()), 0)
				}
			})
		})
	}
}

// Whoever has nothing in common with a node is told by the reason with which it
// closes, behind its offer.
func TestMismatchIsTold(t *testing.T) {
	onEveryTransport(t, func(w *world) {
		a := w.start("a")
		ctx, cancel := context.WithTimeout(w.Context(), patience)
		defer cancel()
		stranger := w.config("stranger").Transport
		conn, err := stranger.Dial(ctx, a.node.Advertised())
		if err != nil {
			w.Fatal(err)
		}
		defer conn.Close(core.CloseShutdown)
		if err := conn.Send(ctx, [][]byte{helloOfVersion(9)}); err != nil {
			w.Fatal(err)
		}
		if welcome, err := conn.Recv(); err != nil || len(welcome) == 0 || welcome[0] != 2 {
			w.Fatalf("no welcome: %q, %v", welcome, err)
		}
		_, err = conn.Recv()
		var closed *core.CloseError
		if !errors.As(err, &closed) || closed.CloseReason != core.CloseMismatch {
			w.Errorf("closed with %v, want %v", err, core.CloseMismatch)
		}
		w.want("refused", a.RefusedWith(core.ErrNoCommonVersion), 1)
	})
}

// helloOfVersion introduces a node that speaks this version alone.
func helloOfVersion(version int64) []byte {
	b := msgpack.AppendMapHeader([]byte{0}, 2)
	b = msgpack.AppendString(msgpack.AppendString(b, "uid"), "q")
	b = msgpack.AppendMapHeader(msgpack.AppendString(b, "mesh"), 3)
	b = msgpack.AppendInt(msgpack.AppendString(b, "min"), version)
	b = msgpack.AppendInt(msgpack.AppendString(b, "max"), version)
	return msgpack.AppendString(msgpack.AppendArrayHeader(msgpack.AppendString(b, "codecs"), 1), "json")
}
