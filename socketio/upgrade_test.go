package socketio

import (
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// marked tells, after a collection, whether anything still holds a transport.
func marked(t transports.Transport) (held func() bool) {
	mark := new([64]byte)
	_ = t.On("witness", func(...any) { runtime.KeepAlive(mark) })
	pointer := weak.Make(mark)
	return func() bool {
		runtime.GC()
		return pointer.Value() != nil
	}
}

// TestUpgrade: what is emitted while a client is upgraded arrives, in order, first
// by polling and then by WebSocket. The transport that it leaves goes.
func TestUpgrade(t *testing.T) {
	s := serve(t, lonely{})
	p, sock := s.polling()
	held := marked(sock.Conn().Transport())
	s.Emit("polled")
	if got := p.get(); got != `42["polled"]` {
		t.Fatal(got)
	}
	w := p.probe()
	s.Emit("between", 1)
	_ = sock.Emit("between", 2)
	s.Emit("between", 3)
	if got := p.get(); got != "6" && !strings.Contains(got, "between") {
		t.Fatal(got)
	} else if got == "6" {
		w.say("5")
		w.hear(`42["between",1]`)
		w.hear(`42["between",2]`)
		w.hear(`42["between",3]`)
	} else {
		w.say("5")
	}
	await.Condition(t, "upgraded", func() bool { return sock.Conn().Transport().Name() == transports.WEBSOCKET })
	await.Condition(t, "transport left", func() bool { return !held() })
	for i := range 100 {
		if i%2 == 0 {
			s.Emit("e", i)
		} else {
			_ = sock.Emit("e", i)
		}
	}
	for i := range 100 {
		w.hear(`42["e",` + jsonOf(i) + `]`)
	}
	if got := kindOf(sock); got != "own transport" {
		t.Error(got)
	}
}

// TestEndWhileUpgrading: a socket or a connection ends while the engine socket
// changes transports, between the two of which the polling one tells that it has
// closed. Then both end.
func TestEndWhileUpgrading(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(s *server, sock *socket.Socket, next transports.Transport)
	}{
		{"server closes", func(s *server, _ *socket.Socket, _ transports.Transport) { s.Server.Close(nil) }},
		{"engine closes", func(s *server, _ *socket.Socket, _ transports.Transport) { s.Engine().Close() }},
		{"server hangs up", func(_ *server, sock *socket.Socket, _ transports.Transport) { sock.Disconnect(true) }},
		{"engine socket closes", func(_ *server, sock *socket.Socket, _ transports.Transport) { sock.Conn().Close(false) }},
		{"ping timeout", func(s *server, sock *socket.Socket, _ transports.Transport) { timeOut(s, sock.Conn().Id()) }},
		{"connection ends", func(_ *server, _ *socket.Socket, next transports.Transport) { next.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, lonely{})
			p, sock := s.polling()
			gone := make(chan struct{})
			_ = sock.Once("disconnect", func(...any) { close(gone) })
			_ = sock.Conn().Once("upgrading", func(args ...any) {
				_ = sock.Conn().Transport().Once("close", func(...any) { test.end(s, sock, args[0].(transports.Transport)) })
			})
			w := p.probe()
			if got := p.get(); got != "6" {
				t.Fatal(got)
			}
			w.say("5")
			w.ends()
			ended(t, gone)
			await.Condition(t, "engine socket closed", func() bool { return sock.Conn().ReadyState() == "closed" })
			await.Condition(t, "client forgotten", func() bool { return s.Engine().ClientsCount() == 0 })
		})
	}
}

// TestEndBeforeUpgrading: an engine socket ends when the new transport is on its way
// to it, but does not listen yet.
func TestEndBeforeUpgrading(t *testing.T) {
	s := serve(t, lonely{})
	p, sock := s.polling()
	s.Engine().Clients().Store(sock.Conn().Id(), dying{sock.Conn()})
	p.dial().ends()
}

// TestEndWhileProbing: an engine socket ends when it has answered the probe. It looks
// after the client's polls no more.
func TestEndWhileProbing(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(conn engine.Socket, next transports.Transport)
	}{
		{"engine socket closes", func(conn engine.Socket, _ transports.Transport) { conn.Close(true) }},
		{"connection ends", func(_ engine.Socket, next transports.Transport) { next.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, lonely{})
			p, sock := s.polling()
			conn := sock.Conn()
			_ = conn.Once("upgrading", func(args ...any) { test.end(conn, args[0].(transports.Transport)) })
			w := p.probe()
			w.ends()
			await.Condition(t, "the last interval", func() bool { return !runs("utils.SetInterval") })
		})
	}
}

// runs tells whether there is a goroutine of a function.
func runs(function string) bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "created by github.com/zishang520/socket.io/v3/pkg/"+function)
}

// dying is an engine socket that has no time to listen to a new transport.
type dying struct{ engine.Socket }

func (d dying) MaybeUpgrade(t transports.Transport) {
	d.Close(true)
	d.Socket.MaybeUpgrade(t)
}

// timeOut is what the library does to an engine socket that answers no ping.
func timeOut(s *server, sid string) {
	conn, _ := s.Engine().Clients().Load(sid)
	conn.(interface{ OnClose(string, ...error) }).OnClose("ping timeout")
}
