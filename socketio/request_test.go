package socketio

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio/internal/session"
)

// TestRequest: a client's first request can be asked for as long as the client is
// there, and keeps what was changed in it, though nobody holds it meanwhile.
func TestRequest(t *testing.T) {
	s := serve(t, lonely{})
	s.client("/") // opens the acceptor
	connected := make(chan *socket.Socket, 2)
	_ = s.On("connection", func(args ...any) {
		sock := args[0].(*socket.Socket)
		sock.Request().Query().Set("token", "t")
		sock.Request().Headers().Set("X-Seen", "1")
		connected <- sock
	})
	s.client("/")
	sock := await.Value(t, connected)
	first := weak.Make(sock.Request())
	await.Condition(t, "request let go", func() bool { runtime.GC(); return first.Value() == nil })
	ctx := sock.Request()
	if got := ctx.Query().Peek("token"); got != "t" {
		t.Errorf("token %q", got)
	}
	if got := ctx.Query().Peek("transport"); got != "websocket" {
		t.Errorf("transport %q", got)
	}
	if got := ctx.Headers().Peek("X-Seen"); got != "1" {
		t.Errorf("header %q", got)
	}
	if ctx.Websocket == nil || ctx.Websocket.RemoteAddr().String() != sock.Conn().RemoteAddress() {
		t.Error("no WebSocket")
	}
	if got := sock.Conn().(*session.Session).Host(); got != ctx.Request().Host || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("host %q", got)
	}
	runtime.GC()
	if sock.Request() != ctx {
		t.Error("another request while this one is held")
	}
	<-ctx.Done()
}

// TestParameterBagsOutliveTheirRequest: who holds a bag of a request that was let go may use
// it while others use the request.
func TestParameterBagsOutliveTheirRequest(t *testing.T) {
	s := serve(t, lonely{})
	s.client("/") // opens the acceptor
	_, sock := s.client("/")
	sock.Request().Query().Set("token", "t")
	bags := []*types.ParameterBag{sock.Request().Query(), sock.Request().Headers()}
	first := weak.Make(sock.Request())
	await.Condition(t, "request let go", func() bool { runtime.GC(); return first.Value() == nil })
	ctx := sock.Request()
	var work sync.WaitGroup
	for _, bag := range append(bags, ctx.Query(), ctx.Headers()) {
		work.Go(func() {
			for range 1000 {
				bag.Set("X", "y")
				bag.Has("token")
			}
		})
	}
	work.Wait()
	if token, host := ctx.Query().Peek("token"), ctx.Headers().Count(); token != "t" || host == 0 {
		t.Errorf("token %q, %d headers", token, host)
	}
}
