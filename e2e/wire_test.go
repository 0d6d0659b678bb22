package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// TestLastWords: a server that leaves tells a reference peer, namespace by
// namespace, and closes as the reference does.
func TestLastWords(t *testing.T) {
	t.Parallel()
	s := startServer(t, goKind, args{"peers": list{"ws://127.0.0.1:1"}})
	s.do(t, "open", args{"nsp": "/adm"})
	const uid = "0123456789abcdef"
	r := dialRaw(t, s.mesh)
	r.send(hello("uid", uid, "address", "ws://x"))
	procs.Eventually(t, soon, func() error {
		if peers := asJSON(s.do(t, "peers", nil)); !strings.Contains(peers, uid) {
			return fmt.Errorf("%s has links to %s", s.name, peers)
		}
		return nil
	})
	s.signal(t, syscall.SIGTERM)
	goodbye := captured(t, "ADAPTER_CLOSE", s.id) // of "/adm"
	said := false
	for {
		_, frame, err := r.ReadMessage()
		var end *websocket.CloseError
		if errors.As(err, &end) {
			if end.Code != 1000 || end.Text != "transport-closed" {
				t.Errorf("closed with %d %q", end.Code, end.Text)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		said = said || bytes.Equal(frame, goodbye)
	}
	if !said {
		t.Error("no ADAPTER_CLOSE for /adm, as captured")
	}
	same(t, "exit code", s.ended(t), 0)
}

// TestNoHello: a connection that says nothing is closed after 10 s.
func TestNoHello(t *testing.T) {
	t.Parallel()
	s := startServer(t, goKind, args{"peers": list{"ws://127.0.0.1:1"}})
	began := time.Now()
	code, reason := dialRaw(t, s.mesh).closed(t)
	if code != 1002 || reason != "hello-timeout" {
		t.Errorf("closed with %d %q", code, reason)
	}
	if waited := time.Since(began); waited < 9*time.Second {
		t.Errorf("closed after %v", waited)
	}
}

// TestRegistrations: both discovery services answer as captured.
func TestRegistrations(t *testing.T) {
	for _, kind := range []string{goKind, nodeKind} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := startDiscovery(t, kind, nil)
			update := func(name string) []byte { return discoveryFrame(t, name) }
			register := func(r *raw, id, address string) {
				r.send(packedShort("type", "register", "serverId", id, "address", address))
			}
			const (
				first, second    = "aa00000000000000", "bb00000000000000"
				firstAt, otherAt = "ws://127.0.0.1:23802", "ws://127.0.0.1:23803"
			)
			a, b := dialRaw(t, d.url), dialRaw(t, d.url)
			register(a, first, firstAt)
			a.expect(t, update("update after own registration"))
			register(b, second, otherAt)
			a.expect(t, update("update after a second registration"))
			b.expect(t, update("update after a second registration"))

			// Another connection takes the second one's place; that the old one
			// ends changes nothing.
			again := dialRaw(t, d.url)
			register(again, second, otherAt)
			a.expect(t, update("update after a second registration"))
			again.expect(t, update("update after a second registration"))
			b.Close()
			again.Close()
			a.expect(t, update("update after the second left"))

			d.signal(t, syscall.SIGTERM)
			code, reason := a.closed(t)
			if code != 1001 || reason != "discovery-shutdown" {
				t.Errorf("closed with %d %q", code, reason)
			}
			same(t, "exit code", d.ended(t), 0)
		})
	}
}

// expect reads one message.
func (r *raw) expect(t *testing.T, want []byte) {
	t.Helper()
	_, got, err := r.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("received %q\n    want %q", got, want)
	}
}

// packedShort is packed with texts of at most 31 bytes in their shortest form.
func packedShort(texts ...string) []byte {
	b := []byte{0x80 | byte(len(texts)/2)}
	for _, text := range texts {
		b = append(append(b, 0xa0|byte(len(text))), text...)
	}
	return b
}
