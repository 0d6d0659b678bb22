package socketio

import (
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
)

// TestHandlerPanics: a listener that panics is logged, with its event and where it was,
// and the socket goes on; it leaves as others do, too.
func TestHandlerPanics(t *testing.T) {
	var log coretest.Log
	s := serve(t, lonely{}, WithLogger(log.Logger()))
	c, sock := s.client("/")
	gone := make(chan struct{})
	_ = sock.On("bad", func(...any) { panic("no such thing") })
	_ = sock.On("good", func(...any) { _ = sock.Emit("answer") })
	_ = sock.On("disconnecting", func(...any) { panic("nor this") })
	_ = sock.On("disconnect", func(...any) { close(gone) })
	c.send(`2["bad"]`)
	c.send(`2["good"]`)
	c.expect(text(`2["answer"]`))
	if got := log.String(); !strings.Contains(got, "event=bad") || !strings.Contains(got, "no such thing") || !strings.Contains(got, "panic_test.go") || !strings.Contains(got, string(sock.Id())) {
		t.Errorf("log: %s", got)
	}
	c.send("1")
	ended(t, gone)
	if log.Count("ERROR", "listener panicked") != 2 {
		t.Errorf("log: %s", log.String())
	}
}

// TestMiddlewarePanics: the client is refused, and it is logged. One that has been let in
// before stays.
func TestMiddlewarePanics(t *testing.T) {
	for name, test := range map[string]struct {
		middleware func(next func(*socket.ExtendedError))
		want       string
	}{
		"before next": {func(func(*socket.ExtendedError)) { panic("no such thing") }, `4{"message":"Internal server error"`},
		"behind next": {func(next func(*socket.ExtendedError)) { next(nil); panic("no such thing") }, `0{`},
	} {
		t.Run(name, func(t *testing.T) {
			var log coretest.Log
			s := serve(t, lonely{}, WithLogger(log.Logger()))
			s.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { test.middleware(next) })
			c := s.dial("EIO=4")
			c.send("0")
			if got := c.next(); !strings.HasPrefix(got.data, test.want) {
				t.Errorf("got %s, want %s", got.data, test.want)
			}
			await.Condition(t, "logged", func() bool { return log.Count("ERROR", "middleware panicked") == 1 })
			if !strings.Contains(log.String(), "panic_test.go") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}
