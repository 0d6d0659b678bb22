package service

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// running is a Client whose Run has been called, in a bubble.
type running struct {
	*Client
	*discoverytest.Running
}

func runClient(t *testing.T, p *pipes, o ClientOptions, self core.Peer) *running {
	t.Helper()
	o.URL = pipeURL
	client := NewClient(o)
	client.dial = p.dial
	return runIt(t, client, self)
}

func runIt(t *testing.T, client *Client, self core.Peer) *running {
	t.Helper()
	r := &running{client, discoverytest.Start(t, client, self)}
	r.Patience = time.Hour
	return r
}

// runTwo runs clients of a and b, which know each other when it returns.
func runTwo(t *testing.T, p *pipes) (first, second *running) {
	t.Helper()
	first = runClient(t, p, ClientOptions{}, a)
	first.isRegistered(t, a)
	second = runClient(t, p, ClientOptions{}, b)
	first.wantRoster(t, a, b)
	second.wantRoster(t, a, b)
	return first, second
}

// wantRoster reads rosters until one is of these peers, in any order.
func (r *running) wantRoster(t *testing.T, want ...core.Peer) {
	t.Helper()
	r.Next(fmt.Sprintf("a roster of %v", want), func(have []core.Peer) bool { return samePeers(have, want) })
}

// samePeers compares rosters, whatever their order: replicas hear of nodes in different
// orders.
func samePeers(a, b []core.Peer) bool {
	order := func(a, b core.Peer) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Address, b.Address)) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

// fake is a service that the test plays: it calls serve with each connection, and
// closes it afterwards.
func fake(t *testing.T, p *pipes, serve func(conn *websocket.Conn)) {
	t.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrading: %v", err)
			return
		}
		defer conn.Close()
		serve(conn)
	})}
	listener := p.listen()
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

// drain reads until the connection ends, and sends the error.
func drain(conn *websocket.Conn) (ended <-chan error) {
	end := make(chan error, 1)
	go func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				end <- err
				return
			}
		}
	}()
	return end
}

func send(conn *websocket.Conn, messages ...[]byte) {
	for _, message := range messages {
		conn.WriteMessage(websocket.BinaryMessage, message)
	}
}

// TestClientRegisters compares its first message with the captured one.
func TestClientRegisters(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Content.Type != "register" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := make(chan []byte, 1)
				p := new(pipes)
				fake(t, p, func(conn *websocket.Conn) {
					kind, message, _ := conn.ReadMessage()
					if kind != websocket.BinaryMessage {
						t.Error("the message is text")
					}
					first <- message
					<-drain(conn)
				})
				r := v.registration()
				runClient(t, p, ClientOptions{AuthToken: r.token}, r.Peer)
				// The captured message, and one member more at its end.
				have, want := <-first, v.bytes(t)
				want[0]++
				want = appendStrings(msgpack.AppendString(want, "features"), []string{"delta", "notice"})
				if !bytes.Equal(have, want) {
					t.Errorf("registered with\n%x: want\n%x", have, want)
				}
			})
		})
	}
}

// TestClientReportsNothingOnceItsContextHasEnded: updates that arrive after that are
// not reported.
func TestClientReportsNothingOnceItsContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		fake(t, p, func(conn *websocket.Conn) {
			ended := drain(conn)
			for range 10 {
				send(conn, appendUpdate(nil, []core.Peer{a}))
			}
			<-ended
		})
		client := NewClient(ClientOptions{URL: pipeURL})
		client.dial = p.dial
		ctx, cancel := context.WithCancel(t.Context())
		rosters := 0
		client.Run(ctx, a, func([]core.Peer) {
			rosters++
			cancel()
		})
		if rosters != 1 {
			t.Errorf("%d rosters: want one", rosters)
		}
	})
}

func TestClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, end := new(pipes), make(chan error, 1)
		fake(t, p, func(conn *websocket.Conn) {
			ended := drain(conn)
			send(conn, appendUpdate(nil, []core.Peer{a}))
			end <- <-ended
		})
		client := runClient(t, p, ClientOptions{}, a)
		client.wantRoster(t, a)
		client.Stop()
		var closed *core.CloseError
		if err := <-end; !errors.As(readError(err), &closed) || closed.CloseReason != closeLeaving {
			t.Errorf("the service saw %v: want %v", err, closeLeaving)
		}
	})
}

func TestClientSeesOthersComeAndGo(t *testing.T) {
	inBubble(t, ServerOptions{AuthToken: "t"}, func(t *testing.T, _ *Server, p *pipes) {
		first := runClient(t, p, ClientOptions{AuthToken: "t"}, a)
		first.wantRoster(t, a)
		second := runClient(t, p, ClientOptions{AuthToken: "t"}, b)
		first.wantRoster(t, a, b)
		second.wantRoster(t, a, b)
		time.Sleep(time.Hour) // pings keep it alive
		second.Stop()
		first.wantRoster(t, a)
		if n := first.Stats().Attempts; n != 1 {
			t.Errorf("%d connections: want one", n)
		}
	})
}

func TestClientOptions(t *testing.T) {
	for _, c := range []struct {
		field string
		o     ClientOptions
	}{
		{"URL", ClientOptions{URL: "localhost:8000"}},
		{"URL", ClientOptions{URL: "http://localhost:8000"}},
		{"URL", ClientOptions{URL: "ws://"}},
		{"URL", ClientOptions{URL: "ws://:8000"}},
		{"URL", ClientOptions{URL: "ws://user:secret@localhost:8000"}},
		{"URL", ClientOptions{URL: "\x00"}},
		{"RedialMin", ClientOptions{RedialMin: -1}},
		{"RedialMax", ClientOptions{RedialMax: time.Millisecond}},
		{"RedialMax", ClientOptions{RedialMin: time.Minute, RedialMax: time.Second}},
		{"DialTimeout", ClientOptions{DialTimeout: -1}},
		{"PingTimeout", ClientOptions{PingTimeout: -1}},
		{"EntryTTL", ClientOptions{EntryTTL: -1}},
		{"URL", ClientOptions{URL: "ws://a:8000,localhost:8000"}},
		{"URL", ClientOptions{URL: "ws://a:8000, ws://a:8000"}},
		{"URL", ClientOptions{URL: ","}},
		{"URL", ClientOptions{URL: manyURLs(maxReplicas + 1)}},
		{"MaxMessage", ClientOptions{MaxMessage: -1}},
		{"MaxPeers", ClientOptions{MaxPeers: -1}},
	} {
		err := NewClient(c.o).Run(t.Context(), a, func([]core.Peer) {})
		var bad *core.ConfigError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%+v: error is %v: want a ConfigError of %s", c.o, err, c.field)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	for _, self := range []core.Peer{{ID: "x"}, {Address: "ws://x:1"}} {
		var bad *core.ConfigError
		if err := NewClient(ClientOptions{}).Run(t.Context(), self, func([]core.Peer) {}); !errors.As(err, &bad) {
			t.Errorf("%v was announced: %v", self, err)
		}
	}
	for _, good := range []ClientOptions{{}, {URL: "ws://a:8000, wss://b:8000/path"}, {URL: manyURLs(maxReplicas)}, {URL: "wss://discovery.example"}, {RedialMin: time.Hour}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

func manyURLs(n int) string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("ws://discovery%d:8000", i)
	}
	return strings.Join(urls, ",")
}
