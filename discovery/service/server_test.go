package service

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

func shutdown(t testing.TB, s *Server) {
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
		time.Sleep(time.Second) // more than a window
		// Both of them, one of them again, and both have gone.
		if stats := s.Stats(); stats.Registrations != 3 || stats.Disconnects != 2 || stats.Broadcasts != 5 || stats.Nodes != 0 || stats.Sent == 0 {
			t.Errorf("stats are %+v", stats)
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

// TestServerHalfOpen: a node whose connection does not answer pings leaves the roster.
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

// TestServerSlowSubscriber: a node that does not read delays no other. When it reads
// again it gets the latest roster, not all those between.
func TestServerSlowSubscriber(t *testing.T) {
	inBubble(t, ServerOptions{UpdateWindow: time.Millisecond}, func(t *testing.T, _ *Server, p *pipes) {
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
		if waited := time.Since(start); waited > 100*time.Millisecond { // a window for each
			t.Errorf("the others were held up for %v", waited)
		}
		slow.listen()
		slow.wantRoster(a)
		slow.wantRoster(a, last)
		synctest.Wait()
		slow.wantNothing()
	})
}

// TestServerWarnsOfSharedAddresses: of two nodes with one address, others reach only one.
func TestServerWarnsOfSharedAddresses(t *testing.T) {
	book := new(logRecord)
	inBubble(t, ServerOptions{Logger: book.logger()}, func(t *testing.T, s *Server, p *pipes) {
		first, second := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		first.register(a, "")
		first.register(a, "") // that is the same node
		second.register(b, "")
		synctest.Wait()
		if lines := book.find(slog.LevelWarn, ""); len(lines) > 0 {
			t.Errorf("nodes of different addresses are warned of: %q", lines)
		}
		twin := core.Peer{ID: b.ID, Address: a.Address}
		for range 10 {
			second.register(twin, "")
		}
		synctest.Wait()
		lines := book.find(slog.LevelWarn, "same address")
		if len(lines) != 1 {
			t.Fatalf("%d warnings: want one", len(lines))
		}
		for _, want := range []string{a.ID, b.ID, a.Address, "Advertise (MESH_ADVERTISE)"} {
			if !strings.Contains(lines[0], want) {
				t.Errorf("%q does not name %s", lines[0], want)
			}
		}
		time.Sleep(2 * time.Hour)
		second.register(twin, "")
		synctest.Wait()
		if n := book.count(slog.LevelWarn, "same address"); n != 2 {
			t.Errorf("%d warnings two hours later: want one more", n)
		}
	})
}
