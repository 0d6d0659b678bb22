package socketio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// TestDrainDeliversWhatWasSent: each kind of client gets all that was sent to it, and
// then the end of its connection, after which a Socket.IO client connects again.
func TestDrainDeliversWhatWasSent(t *testing.T) {
	const events = 50
	options := socket.DefaultServerOptions()
	options.SetAllowEIO3(true)
	s := serveWith(t, options, lonely{})
	reasons := make(chan string, 10)
	_ = s.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("disconnect", func(args ...any) { reasons <- args[0].(string) })
	})
	direct, _ := s.client("/")
	old := s.dial("EIO=3")
	old.expect(text("0"))
	upgraded := upgrade(t, s)
	poller, _ := s.polling()
	for i := range events {
		s.Emit("event", i)
	}
	drained := make(chan error, 1)
	go func() { drained <- s.constructor.Drain(t.Context(), 1000) }()

	for _, c := range []struct {
		name string
		*client
	}{{"direct", direct}, {"EIO 3", old}, {"upgraded", upgraded}} {
		for i := range events {
			if got, want := c.next(), text(fmt.Sprintf(`2["event",%d]`, i)); got != want {
				t.Fatalf("%s: got %v, want %v", c.name, got, want)
			}
		}
		ended(t, c.done)
	}
	var got strings.Builder
	for !strings.HasSuffix(got.String(), "\x1e1") && got.String() != "1" && got.Len() < 1<<20 {
		got.WriteString("\x1e" + poller.get())
	}
	for i := range events {
		if !strings.Contains(got.String(), fmt.Sprintf(`42["event",%d]`, i)) {
			t.Errorf("the client that polls did not get event %d: %q", i, got.String())
		}
	}
	if err := await.Value(t, drained); err != nil {
		t.Error(err)
	}
	for range 4 {
		if reason := await.Value(t, reasons); reason != "forced close" && reason != "transport close" {
			t.Errorf("a socket left with %q", reason)
		}
	}
}

// upgrade connects a client by polling and upgrades it.
func upgrade(t *testing.T, s *server) *client {
	t.Helper()
	p, _ := s.polling()
	_, sid, _ := strings.Cut(p.url, "sid=")
	c := s.dial("EIO=4&sid=" + sid)
	answers := make(chan string, 10)
	c.other.Store(new(func(packet string) { answers <- packet }))
	if err := c.write(websocket.TextMessage, "2probe"); err != nil {
		t.Fatal(err)
	}
	if got := await.Value(t, answers); got != "3probe" {
		t.Fatalf("the probe was answered with %q", got)
	}
	conn, _ := s.Engine().Clients().Load(sid)
	if stats := s.constructor.ClientStats(); stats.Upgrading != 1 || stats.Polling == 0 {
		t.Errorf("one upgrades: %+v", stats)
	}
	if err := c.write(websocket.TextMessage, "5"); err != nil {
		t.Fatal(err)
	}
	await.Condition(t, "upgraded", conn.Upgraded)
	await.Condition(t, "not upgrading any more", func() bool { return s.constructor.ClientStats().Upgrading == 0 })
	return c
}

// TestDrainRefuses new clients, upgrades and sessions of other servers, and says when to
// come again; a client that is in goes on.
func TestDrainRefuses(t *testing.T) {
	for _, library := range []bool{false, true} {
		t.Run(fmt.Sprintf("library=%v", library), func(t *testing.T) {
			s := serve(t, lonely{}, WithClientOptions(ClientOptions{Library: library}))
			p, _ := s.polling()
			ctx, cancel := context.WithTimeout(t.Context(), 0)
			defer cancel()
			err := s.constructor.Drain(ctx, 1)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 clients are left") {
				t.Errorf("got %v", err)
			}
			if polling, ws := s.refused(); !polling || !ws {
				t.Errorf("refused by polling %v, by WebSocket %v", polling, ws)
			}
			answer, err := http.Get(s.http.URL + "/socket.io/?EIO=4&transport=polling")
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if after, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || after < 1 {
				t.Errorf("Retry-After: %q", answer.Header.Get("Retry-After"))
			}
			if !library {
				answer, err := http.Get(s.http.URL + "/socket.io/?EIO=4&transport=polling&sid=elsewhere")
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("a session of another server: %s", answer.Status)
				}
			}
			s.Emit("still here")
			if got := p.get(); got != `42["still here"]` {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestDrainNobody(t *testing.T) {
	if err := New(lonely{}).Drain(t.Context(), 1); err != nil {
		t.Errorf("without a server: %v", err)
	}
	s := serve(t, lonely{})
	if err := s.constructor.Drain(t.Context(), 1); err != nil {
		t.Errorf("without clients: %v", err)
	}
	if polling, ws := s.refused(); !polling || !ws {
		t.Errorf("refused by polling %v, by WebSocket %v", polling, ws)
	}
	var bad *core.ConfigError
	if err := s.constructor.Drain(t.Context(), 0); !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
}

// TestDrainRate: so many in a second, more of them if a deadline is near, and those that
// do not go are cut.
func TestDrainRate(t *testing.T) {
	for _, c := range []struct {
		name     string
		clients  int
		rate     int
		deadline time.Duration // 0: none
		deaf     int           // clients that never hear
		min, max time.Duration
	}{
		{name: "by rate", clients: 100, rate: 50, min: 1900 * time.Millisecond, max: 2200 * time.Millisecond},
		{name: "by deadline", clients: 1000, rate: 10, deadline: 10 * time.Second, min: 7 * time.Second, max: 9500 * time.Millisecond},
		{name: "deaf", clients: 10, rate: 1000, deaf: 3, min: drainGrace, max: drainGrace + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.deadline > 0 {
					var cancel func()
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				e := engine.MakeBaseServer()
				for i := range c.clients {
					conn := &drainedConn{Socket: engine.MakeSocket(), deaf: i < c.deaf}
					conn.leave = func() { e.Clients().Delete(strconv.Itoa(i)) }
					e.Clients().Store(strconv.Itoa(i), conn)
				}
				began := time.Now()
				err := runDrain(ctx, []engine.BaseServer{e}, c.rate)
				if took := time.Since(began); err != nil || took < c.min || took > c.max {
					t.Errorf("took %v, want %v to %v; %v", took, c.min, c.max, err)
				}
			})
		})
	}
}

// drainedConn is a connection that goes when it is told, unless it is deaf.
type drainedConn struct {
	engine.Socket
	deaf, closing bool
	leave         func()
}

func (c *drainedConn) Upgrading() bool { return false }
func (c *drainedConn) ReadyState() string {
	if c.closing {
		return "closing"
	}
	return "open"
}

func (c *drainedConn) Close(discard bool) {
	c.closing = true
	if !c.deaf || discard {
		c.leave()
	}
}
