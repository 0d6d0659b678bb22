package socketio

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// closers close a socket in every way that there is.
var closers = []struct {
	name   string
	reason string
	close  func(s *server, p *party, sock *socket.Socket)
}{
	{"server, this namespace", "server namespace disconnect", func(_ *server, _ *party, sock *socket.Socket) { sock.Disconnect(false) }},
	{"server, the connection", "server namespace disconnect", func(_ *server, _ *party, sock *socket.Socket) { sock.Disconnect(true) }},
	{"server, a room", "server namespace disconnect", func(s *server, _ *party, _ *socket.Socket) { s.In("room").DisconnectSockets(true) }},
	{"io.Close", "server shutting down", func(s *server, _ *party, _ *socket.Socket) { s.Server.Close(nil) }},
	{"client, disconnect()", "client namespace disconnect", func(_ *server, p *party, _ *socket.Socket) { p.send("41") }},
	{"client, tab closed", "transport close", func(_ *server, p *party, _ *socket.Socket) { _ = p.ws.UnderlyingConn().Close() }},
}

// TestCloseWhileDisconnecting: while the listeners of "disconnecting" run, everybody else closes the
// socket too. Nobody waits for anybody; the listeners find the rooms, and are called
// once, with the first reason.
func TestCloseWhileDisconnecting(t *testing.T) {
	for _, first := range closers {
		t.Run(first.name, func(t *testing.T) {
			s := serveWith(t, lifeOptions(), lonely{})
			mains, _ := s.diaries(nil)
			listening, begun, finish := make(chan struct{}), make(chan struct{}), make(chan struct{})
			_ = s.On("connection", func(args ...any) {
				_ = args[0].(*socket.Socket).On("disconnecting", func(...any) { close(begun); <-finish })
				close(listening)
			})
			p := s.party(partyKinds[0])
			main := await.Value(t, mains)
			ended(t, listening)
			sock := main.sock
			_ = sock.On("disconnecting", func(...any) { main.add("in %d rooms behind the others", sock.Rooms().Len()) })
			closed := make(chan struct{})
			go func() { defer close(closed); first.close(s, p, sock) }()
			ended(t, begun)
			for _, other := range closers {
				if other.name != first.name && !strings.HasPrefix(other.name, "client") {
					other.close(s, p, sock)
				}
			}
			if first.name != "io.Close" { // which comes to that when the listeners have returned
				await.Condition(t, "the connection ends", func() bool { return sock.Conn().ReadyState() == "closed" })
			}
			if n := sock.Rooms().Len(); n != 2 {
				t.Errorf("in %d rooms meanwhile", n)
			}
			close(finish)
			ended(t, closed)
			main.await("disconnect ")
			want := []string{
				"disconnecting " + first.reason + ", in 2 rooms, connected true",
				"in 2 rooms behind the others",
				"disconnect " + first.reason + ", in 0 rooms, connected false",
			}
			if got := main.all(); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if n := s.Sockets().Sockets().Len(); n != 0 {
				t.Errorf("%d sockets left", n)
			}
		})
	}
}

// TestCloseInListener: a listener of "disconnecting" closes its socket once more.
func TestCloseInListener(t *testing.T) {
	s := serveWith(t, lifeOptions(), lonely{})
	mains, _ := s.diaries(nil)
	_ = s.On("connection", func(args ...any) {
		sock := args[0].(*socket.Socket)
		_ = sock.On("disconnecting", func(...any) { sock.Disconnect(true) })
	})
	p := s.party(partyKinds[0])
	main := await.Value(t, mains)
	p.vanish()
	main.await("disconnect ")
	if got := main.all(); len(got) != 2 || !strings.HasPrefix(got[0], "disconnecting transport close, in 2 rooms") || !strings.HasPrefix(got[1], "disconnect transport close, in 0 rooms") {
		t.Errorf("%q", got)
	}
}

// TestServerDisconnects: what the server does takes effect at once, in a handler or
// beside one. Events that no handler has begun with are dropped.
func TestServerDisconnects(t *testing.T) {
	for _, kind := range partyKinds {
		for _, inside := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/inside=%v", kind.name, inside), func(t *testing.T) {
				s := serveWith(t, lifeOptions(), lonely{})
				release := make(chan struct{})
				mains, others := s.diaries(release)
				_ = s.On("connection", func(args ...any) {
					sock := args[0].(*socket.Socket)
					_ = sock.On("bye", func(...any) { sock.Disconnect(true); _ = sock.Emit("late") })
				})
				p := s.party(kind)
				main, other := await.Value(t, mains), await.Value(t, others)
				want := []string{"e 1"}
				if inside {
					p.send(`42["e",1]`, `42["bye"]`, `42["e",2]`)
				} else {
					p.send(`42["e",1]`, `42["wait"]`, `42["e",2]`)
					main.await("waiting")
					main.sock.Disconnect(true)
					want = append(want, "waiting")
				}
				main.await("disconnect ")
				other.await("disconnect ")
				close(release)
				pair := []string{"disconnecting server namespace disconnect, in 2 rooms, connected true", "disconnect server namespace disconnect, in 0 rooms, connected false"}
				want = append(want, pair...)
				if !inside {
					want = append(want, "waited")
					main.await("waited")
				}
				for i := 0; p.ws == nil && i < 3; i++ {
					p.poll() // the events, DISCONNECT, CLOSE
				}
				await.Condition(t, "client forgotten", func() bool { return s.Engine().ClientsCount() == 0 })
				if got := main.all(); !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
				if got := other.all(); !slices.Equal(got, pair) {
					t.Errorf("got  %q\nwant %q", got, pair)
				}
			})
		}
	}
}

// TestPacketWhileTheServerDisconnects: a handler disconnects the client, socket by socket. A
// packet for one that has left is read before the next one leaves; all leave with the reason of
// the handler.
func TestPacketWhileTheServerDisconnects(t *testing.T) {
	for _, kind := range partyKinds {
		t.Run(kind.name, func(t *testing.T) {
			for range 5 { // the library's order is random
				s := serveWith(t, lifeOptions(), lonely{})
				mains, others := s.diaries(nil)
				p := s.party(kind)
				main, other := await.Value(t, mains), await.Value(t, others)
				leaving, left, came := make(chan struct{}), make(chan struct{}), make(chan struct{}, 10)
				_ = main.sock.On("bye", func(...any) {
					_ = main.sock.Conn().On("data", func(...any) { came <- struct{}{} })
					main.sock.Disconnect(true)
				})
				_ = main.sock.On("disconnect", func(...any) {
					close(leaving)
					await.Value(t, came)
					close(left)
				})
				p.send(`42["bye"]`)
				await.End(t, leaving)
				p.send(`42["e",2]`)
				await.End(t, left)
				main.await("disconnect ")
				other.await("disconnect ")
				pair := []string{"disconnecting server namespace disconnect, in 2 rooms, connected true", "disconnect server namespace disconnect, in 0 rooms, connected false"}
				for name, d := range map[string]*diary{"main": main, "other": other} {
					if got := d.all(); !slices.Equal(got, pair) {
						t.Errorf("%s: got  %q\nwant %q", name, got, pair)
					}
				}
			}
		})
	}
}

// TestCloseWhileConnecting: a client goes while a namespace's middlewares are at work.
// Nobody hears of it, whether the middlewares go on or not.
func TestCloseWhileConnecting(t *testing.T) {
	for _, kind := range partyKinds {
		t.Run(kind.name, func(t *testing.T) {
			s := serveWith(t, lifeOptions(), lonely{})
			mains, _ := s.diaries(nil)
			slow := s.Of("/slow", nil)
			nexts := make(chan func(*socket.ExtendedError), 2)
			slow.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { nexts <- next })
			_ = slow.On("connection", func(...any) { t.Error("connected") })
			p := s.party(kind)
			main := await.Value(t, mains)
			p.send("40/slow,")
			next := await.Value(t, nexts)
			p.vanish()
			main.await("disconnect ")
			next(nil)
			await.Condition(t, "nobody left", func() bool {
				return slow.Sockets().Len() == 0 && slow.Adapter().Rooms().Len() == 0 && s.Engine().ClientsCount() == 0
			})
		})
	}
}

// TestEndWhileConnecting: a connection ends between a socket's entrance and the
// application's hearing of it. It is told both, in that order.
func TestEndWhileConnecting(t *testing.T) {
	s := serveWith(t, lifeOptions(), lonely{})
	mains, _ := s.diaries(nil)
	var p *party
	ready := make(chan struct{})
	_ = s.Sockets().Adapter().On("join-room", func(args ...any) {
		sock, ok := s.Sockets().Sockets().Load(args[1].(socket.SocketId))
		if !ok || args[0] != socket.Room(sock.Id()) {
			return
		}
		<-ready
		_ = p.ws.UnderlyingConn().Close()
		await.Condition(t, "the connection ends", func() bool { return sock.Conn().ReadyState() == "closed" })
	})
	p = &party{t: t, server: s, eio: 4, url: s.http.URL + "/socket.io/?EIO=4"}
	p.dial()
	close(ready)
	p.send("40")
	main := await.Value(t, mains)
	main.await("disconnect transport close, in 0 rooms")
	if got := main.all(); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// TestAfterTheEnd: what handlers see and can do when the connection has ended.
func TestAfterTheEnd(t *testing.T) {
	for _, kind := range partyKinds {
		t.Run(kind.name, func(t *testing.T) {
			s := serveWith(t, lifeOptions(), lonely{})
			mains, _ := s.diaries(nil)
			begun, release, done := make(chan struct{}), make(chan struct{}), make(chan string, 1)
			_ = s.On("connection", func(args ...any) {
				sock := args[0].(*socket.Socket)
				_ = sock.On("last", func(args ...any) {
					close(begun)
					<-release
					args[0].(socket.Ack)([]any{"answer"}, nil)
					_ = sock.Emit("nobody")
					sock.Join("late")
					done <- fmt.Sprintf("%s, connected %v, in 3 rooms: %v", sock.Conn().ReadyState(), sock.Connected(), sock.Rooms().Len() == 3)
				})
			})
			p := s.party(kind)
			main := await.Value(t, mains)
			p.send(`421["last"]`)
			ended(t, begun)
			p.vanish()
			await.Condition(t, "client forgotten", func() bool { return s.Engine().ClientsCount() == 0 && s.Engine().Clients().Len() == 0 })
			count := make(chan int, 1)
			a := s.Sockets().Adapter().(*adapter)
			a.host.BroadcastWithAck(core.Payload{Text: []byte(`["q"]`)}, core.Target{Rooms: []string{"room"}}, func(n int) { count <- n }, nil)
			if n := await.Value(t, count); n != 0 {
				t.Errorf("%d clients are asked", n)
			}
			close(release)
			if got := await.Value(t, done); got != "closed, connected true, in 3 rooms: true" {
				t.Error(got)
			}
			main.await("disconnect ")
			if got := main.all(); !strings.Contains(got[0], "in 3 rooms") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestBurstOfLeavers: many clients leave at once, one half by disconnect(), the other by
// closing the tab.
func TestBurstOfLeavers(t *testing.T) {
	const clients, events = 500, 5
	s := serveWith(t, lifeOptions(), lonely{})
	mains, others := s.diaries(nil)
	var parties []*party
	var diaries []*diary
	for range clients {
		parties = append(parties, s.party(partyKinds[0]))
		diaries = append(diaries, await.Value(t, mains), await.Value(t, others))
	}
	var work sync.WaitGroup
	for i, p := range parties {
		work.Go(func() {
			var all []byte
			for e := range events {
				all = append(all, maskedText(fmt.Sprintf(`42["e",%d]`, e))...)
				all = append(all, maskedText(fmt.Sprintf(`42/b,["e",%d]`, e))...)
			}
			if i%2 == 0 {
				all = append(all, maskedText("41")...)
				all = append(all, maskedText("41/b,")...)
			}
			_, _ = p.ws.UnderlyingConn().Write(all)
			_ = p.ws.UnderlyingConn().Close()
		})
	}
	work.Wait()
	for i, d := range diaries {
		reason := "client namespace disconnect"
		if i/2%2 == 1 {
			reason = "transport close"
		}
		d.await("disconnect ")
		var want []string
		for e := range events {
			want = append(want, fmt.Sprintf("e %d", e))
		}
		want = append(want, "disconnecting "+reason+", in 2 rooms, connected true", "disconnect "+reason+", in 0 rooms, connected false")
		if got := d.all(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	await.Condition(t, "all forgotten", func() bool {
		return s.Engine().ClientsCount() == 0 && s.Sockets().Sockets().Len() == 0 && s.Of("/b", nil).Sockets().Len() == 0
	})
}

// maskedText is a message as a client sends it.
func maskedText(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// TestMiddlewareThatWaits: an event in a middleware of its socket that does not go on is
// not waited for, nor handled afterwards.
func TestMiddlewareThatWaits(t *testing.T) {
	s := serveWith(t, lifeOptions(), lonely{})
	nexts := make(chan func(error), 1)
	_ = s.On("connection", func(args ...any) {
		args[0].(*socket.Socket).Use(func(event []any, next func(error)) {
			if len(event) > 1 && event[1] == 1.0 {
				nexts <- next
				return
			}
			next(nil)
		})
	})
	mains, _ := s.diaries(nil)
	p := s.party(partyKinds[0])
	main := await.Value(t, mains)
	p.send(`42["e",1]`, `42["e",2]`)
	next := await.Value(t, nexts)
	main.await("e 2")
	p.vanish()
	main.await("disconnect ")
	next(nil)
	s.Server.Close(nil)
	if got := main.all(); len(got) != 3 || got[0] != "e 2" {
		t.Errorf("%q", got)
	}
}

// TestEndOfUpgrade: a client goes while its upgrade is under way, or right behind it.
func TestEndOfUpgrade(t *testing.T) {
	for _, kind := range partyKinds {
		if !kind.polls || kind.ws {
			continue
		}
		for _, way := range []struct {
			name, reason string
			leave        func(p, polls *party)
		}{
			{"closed by polling", "transport close", func(_, polls *party) { polls.send("1") }},
			{"a poll broken off", "transport error", func(_, polls *party) { polls.vanish() }},
			{"upgraded and closed", "transport close", func(p, _ *party) {
				p.send("5", `42["e",2]`)
				_ = p.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
			}},
			{"upgraded and gone", "transport close", func(p, _ *party) {
				p.send("5", `42["e",2]`)
				p.vanish()
			}},
		} {
			t.Run(kind.name+"/"+way.name, func(t *testing.T) {
				s := serveWith(t, lifeOptions(), lonely{})
				release := make(chan struct{})
				mains, _ := s.diaries(release)
				p := s.party(kind)
				main := await.Value(t, mains)
				p.send(`42["wait"]`, `42["e",1]`)
				main.await("waiting")
				polls := *p
				p.upgrade()
				way.leave(p, &polls)
				await.Condition(t, "the connection ends", func() bool { return main.sock.Conn().ReadyState() == "closed" })
				close(release)
				main.await("disconnect ")
				want := []string{"waiting", "waited", "e 1"}
				if strings.HasPrefix(way.name, "upgraded") {
					want = append(want, "e 2")
				}
				want = append(want, "disconnecting "+way.reason+", in 2 rooms, connected true", "disconnect "+way.reason+", in 0 rooms, connected false")
				if got := main.all(); !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			})
		}
	}
}

// TestOwnParserBehindEvents: the same holds with a parser of the application's.
func TestOwnParserBehindEvents(t *testing.T) {
	options := lifeOptions()
	options.SetParser(foreign{parser.NewParser()})
	s := serveWith(t, options, lonely{})
	release := make(chan struct{})
	mains, others := s.diaries(release)
	p := s.party(partyKinds[0])
	main, other := await.Value(t, mains), await.Value(t, others)
	packets, want := eventsFor("")
	p.send(append(packets, "41", `42/b,["e",1]`, "4?")...)
	main.await("waiting")
	other.await("error")
	close(release)
	main.await("disconnect ")
	other.await("disconnect ")
	wholeLife(t, main, want, false, "client namespace disconnect")
	if got := other.all(); len(got) != 4 || got[0] != "e 1" || got[1] != "error" || !strings.HasPrefix(got[2], "disconnecting forced close") {
		t.Errorf("%q", got)
	}
}
