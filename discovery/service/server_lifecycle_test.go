package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

func TestServerShutdownSaysSo(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		node, other, silent := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		node.register(a, "")
		node.wantRoster(a)
		other.register(b, "")
		other.wantRoster(a, b)
		node.wantRoster(a, b)
		shutdown(t, s)
		// No roster that shrinks on the way.
		node.wantEnd(closeShutdown)
		other.wantEnd(closeShutdown)
		silent.wantEnd(closeShutdown)
		shutdown(t, s)
		if _, err := p.dial(t.Context(), "", ""); err == nil {
			t.Error("it still listens")
		}
	})
}

func TestServerShutdownDoesNotWaitForTheDeaf(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		deaf := visitSilently(t, pipeURL, p.dial)
		deaf.register(a, "")
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
		if waited := time.Since(start); waited != 100*time.Millisecond {
			t.Errorf("Shutdown took %v", waited)
		}
	})
}

func TestServerLifecycle(t *testing.T) {
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0"})
	if s.Addr() != "" {
		t.Errorf("Addr is %q before Start", s.Addr())
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Start(t.Context()) == nil {
		t.Error("a second Start succeeded")
	}
	again := NewServer(ServerOptions{Listen: s.Addr()})
	if err := again.Start(t.Context()); err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("Start on an address in use: %v", err)
	}
	response, err := http.Get(fmt.Sprintf("http://%s/", s.Addr()))
	if err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP was answered with %v, %v", response, err)
	} else {
		response.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	shutdown(t, s)
	if err := s.Start(t.Context()); !errors.Is(err, core.ErrClosed) {
		t.Errorf("Start after Shutdown: %v", err)
	}
	shutdown(t, again)
}

func TestServerOptions(t *testing.T) {
	for field, o := range map[string]ServerOptions{
		"Listen":          {Listen: "8000"},
		"PingInterval":    {PingInterval: -1},
		"RegisterTimeout": {RegisterTimeout: -time.Second},
		"WriteTimeout":    {WriteTimeout: -1},
		"MaxPending":      {MaxPending: -1},
		"MaxNodes":        {MaxNodes: -5},
		"MaxMessage":      {MaxMessage: -1},
	} {
		var bad *core.ConfigError
		if err := NewServer(o).Start(t.Context()); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: Start returned %v", field, err)
		}
	}
	answer := httptest.NewRecorder()
	NewServer(ServerOptions{PingInterval: -1}).ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	if answer.Code != http.StatusInternalServerError {
		t.Errorf("a mounted service with bad options answers %d", answer.Code)
	}
	for _, listen := range []string{"", ":0", "localhost:8000", "[::1]:1"} {
		if err := (ServerOptions{Listen: listen}).Validate(); err != nil {
			t.Errorf("Listen %q: %v", listen, err)
		}
	}
}

// A log handler may call the server that logs, which holds no lock then.
func TestLogHandlerMayAsk(t *testing.T) {
	asking := &askingHandler{}
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", Logger: slog.New(asking)})
	asking.ask = func() {
		s.Addr()
		s.Stats()
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	node := visit(t, "ws://"+s.Addr(), (&net.Dialer{}).DialContext)
	node.register(a, "")
	node.wantRoster(a)
	shutdown(t, s)
	if asking.records.Load() < 2 {
		t.Errorf("only %d records", asking.records.Load())
	}
}

type askingHandler struct {
	ask     func()
	records atomic.Int64
}

func (h *askingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h *askingHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *askingHandler) WithGroup(string) slog.Handler            { return h }
func (h *askingHandler) Handle(context.Context, slog.Record) error {
	h.records.Add(1)
	h.ask()
	return nil
}
