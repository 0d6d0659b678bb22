package service

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// running is a Client at work.
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

// fake is a service made by hand: it hands each connection to serve, and
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

// drain reads until the connection ends, and then says how.
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
				runClient(t, p, ClientOptions{Token: r.token}, r.Peer)
				if have := <-first; !bytes.Equal(have, v.bytes(t)) {
					t.Errorf("registered with\n%x: want\n%s", have, v.Hex)
				}
			})
		})
	}
}

// TestClientReportsNothingOnceItsContextHasEnded, though more has come in.
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
		if err := <-end; !errors.As(closeCause(err), &closed) || closed.CloseReason != closeLeaving {
			t.Errorf("the service saw %v: want %v", err, closeLeaving)
		}
	})
}

func TestClientSeesOthersComeAndGo(t *testing.T) {
	inBubble(t, ServerOptions{Token: "t"}, func(t *testing.T, _ *Server, p *pipes) {
		first := runClient(t, p, ClientOptions{Token: "t"}, a)
		first.wantRoster(a)
		second := runClient(t, p, ClientOptions{Token: "t"}, b)
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

func TestClientWaitsForTheService(t *testing.T) {
	book := new(logbook)
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		client := runClient(t, p, ClientOptions{Logger: book.logger()}, a)
		time.Sleep(10 * time.Minute)
		if n := client.Stats().Attempts; n < 20 || n > 60 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		startOn(t, p, ServerOptions{})
		since := time.Now()
		client.wantRoster(a)
		if waited := time.Since(since); waited > DefaultRedialMax {
			t.Errorf("registered after %v", waited)
		}
		if n := book.count(slog.LevelWarn, "out of reach"); n != 1 {
			t.Errorf("%d warnings: want one", n)
		}
	})
}

func TestClientComesBackAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		service := startOn(t, p, ServerOptions{})
		first := runClient(t, p, ClientOptions{}, a)
		first.wantRoster(a)
		second := runClient(t, p, ClientOptions{}, b)
		first.wantRoster(a, b)
		second.wantRoster(a, b)

		for range 8 {
			shutdown(t, service)
			time.Sleep(100 * time.Millisecond)
			service = startOn(t, p, ServerOptions{})
			since := time.Now()
			full := func(roster []core.Peer) bool { return len(roster) == 2 }
			first.wantAny(full)
			second.wantAny(full)
			if waited := time.Since(since); waited > time.Second {
				t.Errorf("the roster was complete after %v", waited)
			}
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

func TestClientIsRefused(t *testing.T) {
	book := new(logbook)
	inBubble(t, ServerOptions{Token: "right", Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		client := runClient(t, p, ClientOptions{Token: "wrong", Logger: book.logger()}, a)
		time.Sleep(time.Hour)
		attempts := client.Stats().Attempts
		if attempts < 100 || attempts > 300 {
			t.Errorf("%d attempts in an hour: want one in 15 to 30 s", attempts)
		}
		if n := book.count(slog.LevelError, "refuses the token"); n != 1 {
			t.Errorf("the node logged %d errors: want one", n)
		}
		if n := book.count(slog.LevelWarn, "node refused"); n != 1 {
			t.Errorf("the service logged %d warnings: want one", n)
		}
		if s.Stats().Unauthorized != attempts || client.Stats().Updates != 0 {
			t.Errorf("stats are %+v and %+v", s.Stats(), client.Stats())
		}
	})
}

// TestClientBacksOffWithoutUpdates: that a connection opens is no success.
func TestClientBacksOffWithoutUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		fake(t, p, func(conn *websocket.Conn) { conn.ReadMessage() })
		client := runClient(t, p, ClientOptions{}, a)
		time.Sleep(time.Hour)
		if n := client.Stats().Attempts; n > 300 {
			t.Errorf("%d attempts in an hour", n)
		}
	})
}

func TestClientSurvivesHostileMessages(t *testing.T) {
	book := new(logbook)
	million := build(mapOf(2), "type", "update", "servers", listOf(1_000_000))
	million = append(million, bytes.Repeat([]byte{0xc0}, 1_000_000)...)
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		fake(t, p, func(conn *websocket.Conn) {
			ended := drain(conn)
			send(conn, hostile...)
			send(conn, million)
			conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"update"}`))
			send(conn, appendUpdate(nil, []core.Peer{b, {ID: "", Address: "x"}, a}))
			<-ended
		})
		client := runClient(t, p, ClientOptions{Logger: book.logger()}, a)
		client.wantRoster(b, a)
		stats := client.Stats()
		if stats.Attempts != 1 || stats.Malformed < 5 || stats.Skipped < 1 {
			t.Errorf("stats are %+v", stats)
		}
		if n := book.count(slog.LevelWarn, ""); n != 1 {
			t.Errorf("%d warnings: want one", n)
		}
	})
}

func TestClientDropsOversizedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		fake(t, p, func(conn *websocket.Conn) {
			ended := drain(conn)
			send(conn, appendUpdate(nil, []core.Peer{{ID: "x", Address: strings.Repeat("x", 4096)}}))
			<-ended
		})
		client := runClient(t, p, ClientOptions{MaxMessage: 4096}, a)
		time.Sleep(time.Hour)
		if n := client.Stats().Attempts; n < 2 || n > 300 {
			t.Errorf("%d attempts in an hour", n)
		}
		if len(client.rosters) > 0 {
			t.Error("a roster was reported")
		}
	})
}

// TestClientHalfOpen: the connection is there, and nobody at its end.
func TestClientHalfOpen(t *testing.T) {
	book := new(logbook)
	synctest.Test(t, func(t *testing.T) {
		p, connected := new(pipes), make(chan time.Time, 100)
		fake(t, p, func(conn *websocket.Conn) {
			connected <- time.Now()
			ended := drain(conn)
			send(conn, appendUpdate(nil, []core.Peer{a}))
			for range 4 {
				select {
				case <-time.After(30 * time.Second):
				case <-ended:
					return
				}
				conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
			<-ended
		})
		runClient(t, p, ClientOptions{Logger: book.logger()}, a)
		lived := -(<-connected).Sub(<-connected)
		if want := 2*time.Minute + DefaultPingTimeout; lived < want || lived > want+time.Second {
			t.Errorf("connected again after %v: want %v and a little", lived, want)
		}
		if book.count(slog.LevelWarn, "out of reach") != 1 {
			t.Error("not logged")
		}
	})
}

func TestClientEndsWhileItConnects(t *testing.T) {
	for name, dial := range map[string]dialFunc{
		"dial hangs": func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"handshake is not answered": func(ctx context.Context, _, _ string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				for buffer := make([]byte, 1024); ; {
					if _, err := there.Read(buffer); err != nil {
						return
					}
				}
			}()
			return here, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := NewClient(ClientOptions{})
				client.dial = dial
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- client.Run(ctx, a, func([]core.Peer) {}) }()
				time.Sleep(time.Minute)
				if n := client.Stats().Attempts; n < 3 {
					t.Errorf("%d attempts in a minute: want a timeout after each %v", n, DefaultDialTimeout)
				}
				since := time.Now()
				cancel()
				if err := <-ended; err != nil || time.Since(since) > 0 {
					t.Errorf("Run returned %v after %v", err, time.Since(since))
				}
			})
		})
	}
}

// TestClientEndsThoughTheServiceIsDeaf: it does not wait for long for somebody
// to agree to the close.
func TestClientEndsThoughTheServiceIsDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, release := new(pipes), make(chan struct{})
		fake(t, p, func(conn *websocket.Conn) {
			send(conn, appendUpdate(nil, []core.Peer{a}))
			<-release
		})
		client := runClient(t, p, ClientOptions{}, a)
		time.Sleep(time.Second)
		since := time.Now()
		client.stop()
		if waited := time.Since(since); waited > 2*closeGrace {
			t.Errorf("Run returned after %v", waited)
		}
		close(release)
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

func TestBackoff(t *testing.T) {
	b := backoff{min: 100 * time.Millisecond, max: 30 * time.Second}
	for round := range 2 {
		low, high := b.min, 2*b.min
		for i := range 20 {
			if d := b.next(); d < low || d > high {
				t.Fatalf("round %d: delay %d is %v: want %v to %v", round, i, d, low, high)
			}
			low, high = min(high, b.max/2), min(2*high, b.max)
		}
		b.reset()
	}
	equal := backoff{min: time.Second, max: time.Second}
	if d := equal.next(); d != time.Second {
		t.Errorf("delay is %v: want the only one allowed", d)
	}
}
