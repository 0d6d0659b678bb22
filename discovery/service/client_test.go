package service

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// running is a Client whose Run has been called.
type running struct {
	*Client
	t       *testing.T
	cancel  context.CancelFunc
	rosters chan []core.Peer
	ended   chan error
}

func runClient(t *testing.T, p *pipes, o ClientOptions, self core.Peer) *running {
	t.Helper()
	o.URL = pipeURL
	client := NewClient(o)
	client.dial = p.dial
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{
		Client:  client,
		t:       t,
		cancel:  cancel,
		rosters: make(chan []core.Peer, 1000),
		ended:   make(chan error, 1),
	}
	go func() { r.ended <- client.Run(ctx, self, func(roster []core.Peer) { r.rosters <- roster }) }()
	t.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("Run returned %v", err)
		}
	case <-time.After(patience):
		r.t.Fatal("Run does not return")
	}
	r.ended <- nil // for the next stop
}

func (r *running) wantRoster(want ...core.Peer) {
	r.t.Helper()
	deadline := time.After(time.Hour)
	var have []core.Peer
	for {
		select {
		case have = <-r.rosters:
			if slices.Equal(have, want) {
				return
			}
		case <-deadline:
			r.t.Fatalf("the last roster is %v: want %v", have, want)
		}
	}
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
				if have := <-first; !bytes.Equal(have, v.bytes(t)) {
					t.Errorf("registered with\n%x: want\n%s", have, v.Hex)
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
		client.wantRoster(a)
		client.stop()
		var closed *core.CloseError
		if err := <-end; !errors.As(readError(err), &closed) || closed.CloseReason != closeLeaving {
			t.Errorf("the service saw %v: want %v", err, closeLeaving)
		}
	})
}

func TestClientSeesOthersComeAndGo(t *testing.T) {
	inBubble(t, ServerOptions{AuthToken: "t"}, func(t *testing.T, _ *Server, p *pipes) {
		first := runClient(t, p, ClientOptions{AuthToken: "t"}, a)
		first.wantRoster(a)
		second := runClient(t, p, ClientOptions{AuthToken: "t"}, b)
		first.wantRoster(a, b)
		second.wantRoster(a, b)
		time.Sleep(time.Hour) // pings keep it alive
		second.stop()
		first.wantRoster(a)
		if n := first.Stats().Attempts; n != 1 {
			t.Errorf("%d connections: want one", n)
		}
	})
}

func (r *running) wantAny(wanted func([]core.Peer) bool) {
	r.t.Helper()
	for {
		select {
		case roster := <-r.rosters:
			if wanted(roster) {
				return
			}
		case <-time.After(time.Hour):
			r.t.Fatal("no such roster came")
		}
	}
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
	for _, good := range []ClientOptions{{}, {URL: "wss://discovery.example"}, {RedialMin: time.Hour}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}
