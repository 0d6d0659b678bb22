package service

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/internal/await"
)

// TestTokenIsNotGivenToRogueDiscovery: what answers at the address of the service gets a
// proof if it asks for one, and the token only where that is allowed.
func TestTokenIsNotGivenToRogueDiscovery(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		refuse bool
		want   string // is in the registration
		not    string
	}{
		"asks for a proof":              {http.Header{challengeHeader: {"c"}}, false, proofOf("hunter2", "c", a, ""), "hunter2"},
		"asks for none":                 {nil, true, "register", "hunter2"},
		"is of the reference, perhaps":  {nil, false, "hunter2", "proof"},
		"asks for one, none is allowed": {http.Header{challengeHeader: {"d"}}, true, proofOf("hunter2", "d", a, ""), "hunter2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan []byte, 1)
			rogue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, err := new(websocket.Upgrader).Upgrade(w, r, c.header)
				if err != nil {
					return
				}
				defer conn.Close()
				if _, message, err := conn.ReadMessage(); err == nil {
					select {
					case got <- message:
					default:
					}
				}
			}))
			defer rogue.Close()
			client := NewClient(ClientOptions{URL: "ws" + strings.TrimPrefix(rogue.URL, "http"), AuthToken: "hunter2", RefusePlainToken: c.refuse})
			discoverytest.Start(t, client, a)
			select {
			case message := <-got:
				if !bytes.Contains(message, []byte(c.want)) || bytes.Contains(message, []byte(c.not)) {
					t.Errorf("the registration is %q", message)
				}
			case <-time.After(time.Minute):
				t.Error("no registration comes")
			}
		})
	}
}

// TestProofIsGoodForOneConnection: a proof is taken of a token that is accepted, for this
// connection and this registration.
func TestProofIsGoodForOneConnection(t *testing.T) {
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", Tokens: func() []string { return []string{"new", "old"} }})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer shutdown(t, s)
	for name, c := range map[string]struct {
		proof func(challenge string) registration
		taken bool
	}{
		"right":                 {func(c string) registration { return registration{Peer: a, proof: proofOf("new", c, a, "")} }, true},
		"of the other token":    {func(c string) registration { return registration{Peer: a, proof: proofOf("old", c, a, "")} }, true},
		"of another connection": {func(string) registration { return registration{Peer: a, proof: proofOf("new", "recorded", a, "")} }, false},
		"of another token":      {func(c string) registration { return registration{Peer: a, proof: proofOf("guess", c, a, "")} }, false},
		"of no token":           {func(c string) registration { return registration{Peer: a, proof: proofOf("", c, a, "")} }, false},
		"of another node":       {func(c string) registration { return registration{Peer: a, proof: proofOf("new", c, b, "")} }, false},
		"the token beside it": {func(string) registration {
			return registration{Peer: a, token: "new", proof: proofOf("guess", "", a, "")}
		}, false},
		"none":                   {func(string) registration { return registration{Peer: a} }, false},
		"as the reference sends": {func(string) registration { return registration{Peer: a, token: "old"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+s.Addr(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			challenge := response.Header.Get(challengeHeader)
			if len(challenge) < 26 {
				t.Errorf("the challenge is %q", challenge)
			}
			conn.WriteMessage(websocket.BinaryMessage, appendRegister(nil, c.proof(challenge)))
			_, _, err = conn.ReadMessage()
			if closed := websocket.IsCloseError(err, closeUnauthorized.Code); closed == c.taken || err != nil && !closed {
				t.Errorf("answered with %v", err)
			}
		})
	}
}

// TestProvenToken: a client that does not send its token is registered.
func TestProvenToken(t *testing.T) {
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", AuthToken: "t"})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer shutdown(t, s)
	client := NewClient(ClientOptions{URL: "ws://" + s.Addr(), AuthToken: "t", RefusePlainToken: true})
	running := discoverytest.Start(t, client, a)
	running.Next("its own entry", func(roster []core.Peer) bool { return len(roster) == 1 && roster[0] == a })
}

// TestRelayBeforeTheService: a node sees that somebody between it and the service ends TLS,
// unless that is allowed. A balancer that ends TLS before a service without is no relay.
func TestRelayBeforeTheService(t *testing.T) {
	for name, c := range map[string]struct {
		encrypted, allowed bool
		mounted            bool // into an HTTP server
		unbound            bool // the node's TLS has no tls-exporter
		taken              bool
	}{
		"it opens TLS anew":                 {encrypted: true},
		"it opens TLS anew, and is allowed": {encrypted: true, allowed: true, taken: true},
		"TLS without a binding":             {encrypted: true, unbound: true},
		"a balancer that ends TLS":          {taken: true},
		"before a mounted service":          {encrypted: true, mounted: true},
		"before a mounted one without TLS":  {mounted: true, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			other := httptest.NewTLSServer(nil) // all of httptest have the same certificate
			other.Close()
			o := ServerOptions{Listen: "127.0.0.1:0", AuthToken: "t", Logger: slog.New(slog.DiscardHandler)}
			if c.encrypted {
				o.TLS = &tls.Config{Certificates: other.TLS.Certificates}
			}
			s := NewServer(o)
			defer shutdown(t, s)
			back := s.Addr
			if c.mounted {
				server := httptest.NewUnstartedServer(s)
				if server.TLS = o.TLS; c.encrypted {
					server.StartTLS()
				} else {
					server.Start()
				}
				defer server.Close()
				back = server.Listener.Addr().String
			} else if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			target := &url.URL{Scheme: "http", Host: back()}
			if c.encrypted {
				target.Scheme = "https"
			}
			proxy := httputil.NewSingleHostReverseProxy(target)
			proxy.Transport, proxy.ErrorLog = other.Client().Transport, slog.NewLogLogger(slog.DiscardHandler, 0)
			front := httptest.NewTLSServer(proxy)
			defer front.Close()
			config := &tls.Config{RootCAs: front.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
			if c.unbound {
				// As a relay without extended master secrets, which Go's TLS always has.
				config.MaxVersion, config.Renegotiation = tls.VersionTLS12, tls.RenegotiateOnceAsClient
			}
			book := new(logRecord)
			client := NewClient(ClientOptions{
				Logger: book.logger(),
				URL:    "wss" + strings.TrimPrefix(front.URL, "https"), AuthToken: "t", AllowTLSProxies: c.allowed, RefusePlainToken: true,
				TLS: config,
			})
			running := discoverytest.Start(t, client, a)
			if c.taken {
				running.Next("its own entry", func(roster []core.Peer) bool { return len(roster) == 1 && roster[0] == a })
				return
			}
			await.Condition(t, "refused as relayed", func() bool { return errors.Is(client.Endpoints()[0].Err, core.ErrRelayed) })
			if s.Stats().Unauthorized == 0 || s.Stats().Nodes > 0 {
				t.Errorf("%+v", s.Stats())
			}
			await.Condition(t, "logged with its setting", func() bool { return book.count(slog.LevelError, "setting=AllowTLSProxies") == 1 })
			if book.count(slog.LevelError, "refuses the token") > 0 {
				t.Error("the token is said to be wrong")
			}
		})
	}
}
