package service

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

func TestClientWaitsForTheService(t *testing.T) {
	book := new(logRecord)
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		client := runClient(t, p, ClientOptions{Logger: book.logger()}, a)
		time.Sleep(10 * time.Minute)
		if n := client.Stats().Attempts; n < 20 || n > 60 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		startOn(t, p, ServerOptions{})
		since := time.Now()
		client.wantRoster(t, a)
		if waited := time.Since(since); waited > DefaultRedialMax {
			t.Errorf("registered after %v", waited)
		}
		if n := book.count(slog.LevelWarn, "out of reach"); n != 3 {
			t.Errorf("%d warnings in ten minutes: want one at once, one after a minute, one after six", n)
		}
	})
}

// TestClientRepeatsThatItIsAlone: an outage is warned of as long as it lasts, with its
// length and the setting to look at, and the next one from the start.
func TestClientRepeatsThatItIsAlone(t *testing.T) {
	book := new(logRecord)
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		client := runClient(t, p, ClientOptions{Logger: book.logger()}, a)
		time.Sleep(time.Hour)
		lines := book.find(slog.LevelWarn, "out of reach")
		late := DefaultRedialMax + time.Second // an attempt says it
		due, latest := time.Duration(0), time.Duration(0)
		for i, line := range lines {
			_, text, _ := strings.Cut(line, " for=")
			text, _, _ = strings.Cut(text, " ")
			lasted, err := time.ParseDuration(text)
			if err != nil || lasted < due || lasted > due+late {
				t.Errorf("warning %d says %q: want %v and a little", i, line, due)
			}
			if !strings.Contains(line, "DiscoveryAddress (MESH_DISCOVERY_ADDRESS)") {
				t.Errorf("%q names no setting", line)
			}
			latest, due = lasted, lasted+outageRepeat
			if i == 0 {
				due = outageSecond
			}
		}
		if latest < time.Hour-outageRepeat-late {
			t.Errorf("the last warning of an hour is of %v", latest)
		}

		service := startOn(t, p, ServerOptions{})
		client.wantRoster(t, a)
		if book.count(slog.LevelInfo, "registered with discovery") != 1 {
			t.Error("the end of the outage is not logged")
		}
		shutdown(t, service)
		time.Sleep(time.Second)
		again := book.find(slog.LevelWarn, "out of reach")[len(lines):]
		if len(again) != 1 || !strings.Contains(again[0], " for=0s") {
			t.Errorf("of the next outage it says %q", again)
		}
	})
}

func TestClientComesBackAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		service := startOn(t, p, ServerOptions{})
		first, second := runTwo(t, p)
		for range 8 {
			shutdown(t, service)
			time.Sleep(100 * time.Millisecond)
			service = startOn(t, p, ServerOptions{})
			since := time.Now()
			full := func(roster []core.Peer) bool { return len(roster) == 2 }
			first.Next("a roster of both", full)
			second.Next("a roster of both", full)
			if waited := time.Since(since); waited > time.Second {
				t.Errorf("the roster was complete after %v", waited)
			}
		}
	})
}

func TestClientIsRefused(t *testing.T) {
	book := new(logRecord)
	inBubble(t, ServerOptions{AuthToken: "right", Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		client := runClient(t, p, ClientOptions{AuthToken: "wrong", Logger: book.logger()}, a)
		time.Sleep(time.Hour)
		attempts := client.Stats().Attempts
		if attempts < 100 || attempts > 300 {
			t.Errorf("%d attempts in an hour: want one in 15 to 30 s", attempts)
		}
		if n := book.count(slog.LevelError, "refuses the token"); n < 11 || n > 14 {
			t.Errorf("the node logged %d errors in an hour: want one at once, after a minute, and every five minutes", n)
		}
		if n := book.count(slog.LevelWarn, "node refused"); n != 1 {
			t.Errorf("the service logged %d warnings: want one", n)
		}
		if s.Stats().Unauthorized != attempts || client.Stats().Updates != 0 {
			t.Errorf("stats are %+v and %+v", s.Stats(), client.Stats())
		}
	})
}

// TestClientBacksOffWithoutUpdates: the delays grow until an update has come; an open
// connection is not enough.
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
	book := new(logRecord)
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
		client.wantRoster(t, b, a)
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
		if len(client.Unread()) > 0 {
			t.Error("a roster was reported")
		}
	})
}

// TestClientHalfOpen: a connection on which nothing comes any more is closed, and
// dialled again.
func TestClientHalfOpen(t *testing.T) {
	book := new(logRecord)
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

// TestClientEndsThoughTheServiceIsDeaf: Run returns soon, even if the service does not
// answer the close.
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
		client.Stop()
		if waited := time.Since(since); waited > 2*closeTimeout {
			t.Errorf("Run returned after %v", waited)
		}
		close(release)
	})
}
