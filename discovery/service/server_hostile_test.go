package service

import (
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

func TestServerChecksTheToken(t *testing.T) {
	book := new(logRecord)
	o := ServerOptions{AuthToken: "s3cret-é", Logger: book.logger()}
	inBubble(t, o, func(t *testing.T, s *Server, p *pipes) {
		node := visit(t, pipeURL, p.dial)
		node.register(a, o.AuthToken)
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

// TestServerIgnoresWhatFollowsARefusal: the right token after a wrong one changes
// nothing.
func TestServerIgnoresWhatFollowsARefusal(t *testing.T) {
	inBubble(t, ServerOptions{AuthToken: "t"}, func(t *testing.T, s *Server, p *pipes) {
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
	book := new(logRecord)
	inBubble(t, ServerOptions{Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		node := visit(t, pipeURL, p.dial)
		node.register(a, "")
		node.wantRoster(a)
		stranger := visit(t, pipeURL, p.dial)
		for _, message := range hostile {
			stranger.say(message)
		}
		stranger.sayAs(websocket.TextMessage, appendRegister(nil, registration{Peer: b}))
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
		}
		messages := slices.Clone(hostile)
		for _, p := range unacceptable {
			messages = append(messages, appendRegister(nil, registration{Peer: p}))
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
	book := new(logRecord)
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
		if stats := s.Stats(); stats.Pending != 3 || stats.Evicted != 7 || stats.Nodes != 1 {
			t.Errorf("stats are %+v", stats)
		}
		if n := book.count(slog.LevelWarn, "too many have not registered"); n != 1 {
			t.Errorf("%d warnings: want one", n)
		}
		silent[9].register(b, "")
		node.wantRoster(a, b)
	})
}

// TestServerBoundsThoseWhoSayNothing: connections that ask for no WebSocket are bounded
// too.
func TestServerBoundsThoseWhoSayNothing(t *testing.T) {
	inBubble(t, ServerOptions{MaxPending: 3}, func(t *testing.T, s *Server, p *pipes) {
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
		if n := s.Stats().Evicted; n != 2 {
			t.Errorf("%d evictions are counted: want 2", n)
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
		if n := s.Stats().RefusedFull; n != 1 {
			t.Errorf("%d refusals are counted: want 1", n)
		}
	})
}

// TestServerRefusesWhatIsTooLong: a node whose id or address is too long is told so. It is
// counted, and logged once.
func TestServerRefusesWhatIsTooLong(t *testing.T) {
	book := new(logRecord)
	inBubble(t, ServerOptions{Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		for range 3 {
			for reason, long := range map[core.CloseReason]core.Peer{
				closeLongID:      {ID: strings.Repeat("x", maxID+1), Address: "ws://x:1"},
				closeLongAddress: {ID: "x", Address: strings.Repeat("x", maxAddress+1)},
			} {
				f := visit(t, pipeURL, p.dial)
				f.register(long, "")
				f.wantEnd(reason)
			}
		}
		if stats := s.Stats(); stats.RefusedLength != 6 || stats.Nodes != 0 {
			t.Errorf("stats are %+v", stats)
		}
		if lines := book.find(slog.LevelWarn, "too long"); len(lines) != 1 || len(lines[0]) > 500 {
			t.Errorf("logged %q: want one short line", lines)
		}
		longest := core.Peer{ID: strings.Repeat("x", maxID), Address: strings.Repeat("x", maxAddress)}
		f := visit(t, pipeURL, p.dial)
		f.register(longest, "")
		f.wantRoster(longest)
	})
}

// TestServerBoundsConnectionsOfOneSource: one more is told why it is refused. Those that
// are there stay, and one that ends makes place for another.
func TestServerBoundsConnectionsOfOneSource(t *testing.T) {
	book := new(logRecord)
	inBubble(t, ServerOptions{MaxPerSource: 2, Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		first, second := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		first.register(a, "")
		first.wantRoster(a)
		client := NewClient(ClientOptions{URL: pipeURL})
		client.dial = p.dial
		for range 3 {
			_, err := client.connect(t.Context(), pipeURL)
			if err == nil || !strings.Contains(err.Error(), errTooManyOfSource.Error()) {
				t.Fatalf("the third connection: %v, want %v", err, errTooManyOfSource)
			}
		}
		if n := s.Stats().RefusedSource; n != 3 {
			t.Errorf("%d refusals are counted: want 3", n)
		}
		if n := book.count(slog.LevelWarn, errTooManyOfSource.Error()); n != 1 {
			t.Errorf("%d warnings: want one", n)
		}
		second.leave()
		synctest.Wait()
		third := visit(t, pipeURL, p.dial)
		third.register(b, "")
		third.wantRoster(a, b)
	})
}
