package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// TestTokens: who does not know the token is refused on both services, in the
// reference's way.
func TestTokens(t *testing.T) {
	t.Parallel()
	const token = "s3cret-é"
	d := startDiscovery(t, goKind, args{"token": token})
	c := &cluster{discovery: d, options: args{"discovery": d.url, "token": token}}
	for _, kind := range []string{goKind, nodeKind, goKind} {
		c.servers = append(c.servers, c.add(t, kind, nil))
	}
	c.know(t, "/", c.servers...)

	closes := map[string]struct {
		code   int
		reason string
	}{}
	var file struct {
		Vectors []struct {
			Situation, CloseReason string
			CloseCode              int
		}
	}
	readJSON(t, "testdata/v2-closes.json", &file)
	for _, v := range file.Vectors {
		closes[v.Situation] = struct {
			code   int
			reason string
		}{v.CloseCode, v.CloseReason}
	}
	acceptor := c.servers[0]
	for _, refusal := range []struct {
		situation string
		url       string
		sent      []byte
	}{
		{"discovery register, wrong token", d.url, packed("type", "register", "serverId", "0", "address", "ws://x", "token", "wrong")},
		{"discovery register, token missing", d.url, packed("type", "register", "serverId", "0", "address", "ws://x")},
		{"mesh HELLO, wrong token", acceptor.mesh, hello("uid", "0", "address", "ws://x", "token", "wrong")},
		{"mesh HELLO, token missing", acceptor.mesh, hello("uid", "0", "address", "ws://x")},
		{"HELLO too small (1 byte)", acceptor.mesh, []byte{0}},
		{"mesh frame before HELLO", acceptor.mesh, []byte("\x01\x83\xa3uid\xa1q\xa3nsp\xa1/\xa4type\x02")},
		{"HELLO without uid", acceptor.mesh, hello("address", "ws://x", "token", token)},
		{"HELLO that does not decode", acceptor.mesh, []byte{0, 0xc1}},
		{"HELLO carrying the acceptor's own uid", acceptor.mesh, hello("uid", acceptor.id, "address", "ws://x", "token", token)},
	} {
		r := dialRaw(t, refusal.url)
		r.send(refusal.sent)
		code, reason := r.closed(t)
		if want, known := closes[refusal.situation]; !known || code != want.code || reason != want.reason {
			t.Errorf("%s: closed with %d %q, want %d %q", refusal.situation, code, reason, want.code, want.reason)
		}
	}

	t.Run("a server with the wrong one", func(t *testing.T) {
		wrong := c.add(t, goKind, args{"token": "wrong"})
		client := connect(t, wrong, "/", nil)
		complainsOnce(t, wrong)
		wrong.do(t, "emit", args{"args": list{"to nobody else"}})
		client.wait(t, "to nobody else", 1)
		same(t, "peers", wrong.do(t, "peers", nil), list{})
		c.know(t, "/", c.servers...)
	})
	t.Run("a static peer with the wrong one", func(t *testing.T) {
		wrong := startServer(t, goKind, args{"token": "wrong", "peers": list{acceptor.mesh}})
		complainsOnce(t, wrong)
		same(t, "peers", wrong.do(t, "peers", nil), list{})
		c.know(t, "/", c.servers...)
	})
}

// complainsOnce checks that a refused server tries again and again, and says so
// once.
func complainsOnce(t *testing.T, s *server) {
	t.Helper()
	procs.Eventually(t, askTime, func() error {
		lines := linesWith(s.Log.String(), "unauthorized")
		if tries := strings.Count(lines, "\n"); tries < 4 {
			return fmt.Errorf("%s has been refused %d times", s.name, tries)
		}
		loud := strings.Count(lines, "level=WARN") + strings.Count(lines, "level=ERROR")
		if loud != 1 {
			t.Errorf("%s has complained %d times:\n%s", s.name, loud, lines)
		}
		return nil
	})
}
