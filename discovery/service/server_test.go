package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

const pipeURL = "ws://discovery:8000/any/path"

// inBubble runs a test with a service in virtual time.
func inBubble(t *testing.T, o ServerOptions, test func(t *testing.T, s *Server, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		s := startOn(t, p, o)
		test(t, s, p)
	})
}

func startOn(t *testing.T, p *pipes, o ServerOptions) *Server {
	t.Helper()
	s := NewServer(o)
	if err := s.serve(p.listen()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, s) })
	return s
}

func shutdown(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

var a, b = peer("aa00000000000000", 1), peer("bb00000000000000", 2)

func TestServerAnswersWithTheWholeRoster(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		second, first := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		first.register(b, "")
		first.wantRoster(b)
		second.register(a, "")
		first.wantRoster(b, a)
		second.wantRoster(b, a)
		first.register(peer(b.ID, 22), "")
		second.wantRoster(peer(b.ID, 22), a)
		first.wantRoster(peer(b.ID, 22), a)
		first.leave()
		second.wantRoster(a)
		second.conn.Close()
		synctest.Wait()
		if stats := s.Stats(); stats != (ServerStats{}) {
			t.Errorf("stats are %+v: want none", stats)
		}
	})
}

// TestServerGolden replays the captured conversation.
func TestServerGolden(t *testing.T) {
	v := vectors(t)
	inBubble(t, ServerOptions{}, func(t *testing.T, _ *Server, p *pipes) {
		hear := func(f *foreign, want captured) {
			t.Helper()
			if have := <-f.heard; !bytes.Equal(have, want.bytes(t)) {
				t.Errorf("heard\n%x: want\n%s", have, want.Hex)
			}
		}
		alone, both, again := v[2], v[3], v[4]
		first, second := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		first.register(both.roster()[0], "")
		hear(first, alone)
		second.register(both.roster()[1], "")
		hear(first, both)
		hear(second, both)
		second.leave()
		hear(first, again)
	})
}

func TestServerTakeover(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, _ *Server, p *pipes) {
		old, other, taker := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		old.register(a, "")
		old.wantRoster(a)
		other.register(b, "")
		other.wantRoster(a, b)
		old.wantRoster(a, b)
		moved := peer(a.ID, 11)
		taker.register(moved, "")
		taker.wantRoster(moved, b)
		other.wantRoster(moved, b)
		synctest.Wait()
		old.wantNothing()
		old.leave()
		synctest.Wait()
		other.wantNothing()
		taker.wantNothing()
		taker.leave()
		other.wantRoster(b)
	})
}

func TestServerClosesWhoWasReplacedAndDoesNotComeBack(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, _ *Server, p *pipes) {
		old := visit(t, pipeURL, p.dial)
		old.register(a, "")
		old.wantRoster(a)
		time.Sleep(time.Minute) // long after it had to register
		taker := visit(t, pipeURL, p.dial)
		taker.register(a, "")
		taker.wantRoster(a)
		since := time.Now()
		old.wantEnd(closeUnregistered)
		if waited := time.Since(since); waited != DefaultRegisterTimeout {
			t.Errorf("closed after %v: want %v", waited, DefaultRegisterTimeout)
		}
	})
}

func TestServerChecksTheToken(t *testing.T) {
	book := new(logbook)
	o := ServerOptions{Token: "s3cret-é", Logger: book.logger()}
	inBubble(t, o, func(t *testing.T, s *Server, p *pipes) {
		node := visit(t, pipeURL, p.dial)
		node.register(a, o.Token)
		node.wantRoster(a)
		for _, token := range []string{"", "wrong", "s3cret-é ", "s3cret-e"} {
			stranger := visit(t, pipeURL, p.dial)
			stranger.register(b, token)
			stranger.wantEnd(closeUnauthorized)
		}
		noString := visit(t, pipeURL, p.dial)
		noString.say(build(mapOf(4), "type", "register", "serverId", "x", "address", "ws://x:1", "token", 7))
		noString.wantEnd(closeUnauthorized)
		noID := visit(t, pipeURL, p.dial)
		noID.say(build(mapOf(1), "type", "register"))
		noID.wantEnd(closeUnauthorized)
		synctest.Wait()
		node.wantNothing()
		if s.Stats().Unauthorized != 6 {
			t.Errorf("%d refusals counted: want 6", s.Stats().Unauthorized)
		}
		if n := book.count(slog.LevelWarn, "token"); n != 3 {
			t.Errorf("%d refusals logged: want one per id", n)
		}
	})
}

// TestServerIgnoresWhatFollowsARefusal: the right token comes too late.
func TestServerIgnoresWhatFollowsARefusal(t *testing.T) {
	inBubble(t, ServerOptions{Token: "t"}, func(t *testing.T, s *Server, p *pipes) {
		f := visitSilently(t, pipeURL, p.dial)
		f.register(a, "wrong")
		f.register(a, "wrong again")
		f.register(a, "t")
		f.listen()
		f.wantEnd(closeUnauthorized)
		if stats := s.Stats(); stats.Nodes != 0 || stats.Unauthorized != 1 {
			t.Errorf("stats are %+v: want one refusal, and no node", stats)
		}
	})
}

func TestServerSurvivesHostileMessages(t *testing.T) {
	book := new(logbook)
	inBubble(t, ServerOptions{Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		node := visit(t, pipeURL, p.dial)
		node.register(a, "")
		node.wantRoster(a)
		stranger := visit(t, pipeURL, p.dial)
		for _, message := range hostile {
			stranger.say(message)
		}
		stranger.sayAs(websocket.TextMessage, appendRegister(nil, registration{b, ""}))
		synctest.Wait()
		stranger.wantNothing()
		node.wantNothing()
		stranger.register(b, "")
		stranger.wantRoster(a, b)
		node.wantRoster(a, b)

		for range maxMalformed {
			stranger.conn.WriteMessage(websocket.BinaryMessage, []byte{0xc0}) // fails once it is closed
		}
		stranger.wantEnd(core.CloseProtocolError)
		node.wantRoster(a)
		if n := s.Stats().Malformed; n < maxMalformed {
			t.Errorf("%d malformed messages counted", n)
		}
		if n := book.count(slog.LevelWarn, "malformed"); n != 1 {
			t.Errorf("%d warnings: want one", n)
		}
	})
}

func TestServerRefusesEachWrongShape(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		unacceptable := []core.Peer{
			{ID: "", Address: "ws://x:1"},
			{ID: "x", Address: ""},
			{ID: strings.Repeat("x", maxID+1), Address: "ws://x:1"},
			{ID: "x", Address: strings.Repeat("x", maxAddress+1)},
		}
		messages := slices.Clone(hostile)
		for _, p := range unacceptable {
			messages = append(messages, appendRegister(nil, registration{p, ""}))
		}
		for _, message := range messages {
			f := visit(t, pipeURL, p.dial)
			f.say(message)
			synctest.Wait()
			f.wantNothing()
			f.leave()
		}
		if s.Stats().Nodes != 0 {
			t.Error("somebody is in the roster")
		}
	})
}

func TestServerClosesOnOversizedMessages(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		f := visit(t, pipeURL, p.dial)
		f.conn.WriteMessage(websocket.BinaryMessage, make([]byte, DefaultMaxRegistration+1))
		f.wantEnd(core.CloseReason{Code: 1009})
		if s.Stats().Malformed != 1 {
			t.Error("not counted")
		}
	})
}

func TestServerClosesWhoDoesNotRegister(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		since := time.Now()
		f := visit(t, pipeURL, p.dial)
		f.wantEnd(closeUnregistered)
		if waited := time.Since(since); waited != DefaultRegisterTimeout {
			t.Errorf("closed after %v: want %v", waited, DefaultRegisterTimeout)
		}
	})
}

func TestServerBoundsThoseWhoDoNotRegister(t *testing.T) {
	book := new(logbook)
	inBubble(t, ServerOptions{MaxPending: 3, Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		node := visit(t, pipeURL, p.dial)
		node.register(a, "")
		node.wantRoster(a)
		var silent []*foreign
		for range 10 {
			silent = append(silent, visit(t, pipeURL, p.dial))
		}
		for _, f := range silent[:7] {
			f.wantEnd(core.CloseBusy)
		}
		synctest.Wait()
		if stats := s.Stats(); stats.Pending != 3 || stats.Refused != 7 || stats.Nodes != 1 {
			t.Errorf("stats are %+v", stats)
		}
		if n := book.count(slog.LevelWarn, "too many have not registered"); n != 1 {
			t.Errorf("%d warnings: want one", n)
		}
		silent[9].register(b, "")
		node.wantRoster(a, b)
	})
}

// TestServerBoundsThoseWhoSayNothing: they do not even ask for a WebSocket.
func TestServerBoundsThoseWhoSayNothing(t *testing.T) {
	inBubble(t, ServerOptions{MaxPending: 3}, func(t *testing.T, _ *Server, p *pipes) {
		since := time.Now()
		var ends []chan time.Duration
		for range 5 {
			conn, err := p.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			end := make(chan time.Duration, 1)
			go func() {
				io.Copy(io.Discard, conn)
				end <- time.Since(since)
			}()
			ends = append(ends, end)
			synctest.Wait()
		}
		for i, want := range []time.Duration{0, 0, DefaultRegisterTimeout, DefaultRegisterTimeout, DefaultRegisterTimeout} {
			if lived := <-ends[i]; lived != want {
				t.Errorf("connection %d was closed after %v: want %v", i, lived, want)
			}
		}
	})
}

func TestServerBoundsTheRoster(t *testing.T) {
	inBubble(t, ServerOptions{MaxNodes: 1}, func(t *testing.T, s *Server, p *pipes) {
		node, late := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		node.register(a, "")
		node.wantRoster(a)
		late.register(b, "")
		late.wantEnd(closeFull)
		node.wantNothing()
	})
}

func TestServerDropsWhoDoesNotAnswerPings(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, _ *Server, p *pipes) {
		node, deaf := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		node.register(a, "")
		node.wantRoster(a)
		deaf.conn.SetPingHandler(func(string) error { return nil })
		since := time.Now()
		deaf.register(b, "")
		deaf.wantRoster(a, b)
		node.wantRoster(a, b)
		select {
		case <-node.heard:
			node.t.Error("an update came early")
		case <-time.After(2*DefaultPingInterval - time.Second):
		}
		node.wantRoster(a)
		if waited := time.Since(since); waited != 2*DefaultPingInterval {
			t.Errorf("dropped after %v: want two intervals", waited)
		}
		select {
		case <-node.heard:
			t.Error("who answers was dropped")
		case <-time.After(time.Hour):
		}
	})
}

// TestServerHalfOpen: the connection is there, and nobody at its end.
func TestServerHalfOpen(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, _ *Server, p *pipes) {
		node := visit(t, pipeURL, p.dial)
		node.register(a, "")
		node.wantRoster(a)
		gone := visitSilently(t, pipeURL, p.dial)
		gone.register(b, "")
		node.wantRoster(a, b)
		node.wantRoster(a)
	})
}

// TestServerSlowSubscriber: one that reads nothing delays nobody, and gets the
// latest roster when it reads again, not all those between.
func TestServerSlowSubscriber(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, _ *Server, p *pipes) {
		slow := visitSilently(t, pipeURL, p.dial)
		slow.register(a, "")
		synctest.Wait() // the first update is being written now
		node := visit(t, pipeURL, p.dial)
		start := time.Now()
		var last core.Peer
		for port := range 100 {
			last = peer(b.ID, port+1)
			node.register(last, "")
			node.wantRoster(a, last)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the others were held up for %v", waited)
		}
		slow.listen()
		slow.wantRoster(a)
		slow.wantRoster(a, last)
		synctest.Wait()
		slow.wantNothing()
	})
}

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
	for _, listen := range []string{"", ":0", "localhost:8000", "[::1]:1"} {
		if err := (ServerOptions{Listen: listen}).Validate(); err != nil {
			t.Errorf("Listen %q: %v", listen, err)
		}
	}
}
