package socketio

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// TestIdleTimeout: clients that say nothing go, however they were let in; others
// stay.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // far above the pause of those who talk, on a busy machine too
	options := socket.DefaultServerOptions()
	options.SetIdleTimeout(timeout)
	s := serveWith(t, options, lonely{})
	talking, lively := s.client("/")
	heard := make(chan struct{}, 1000)
	_ = lively.On("e", func(...any) { heard <- struct{}{} })
	for _, mute := range []string{"one", "another"} {
		gone := make(chan any, 1)
		_ = s.Once("connection", func(args ...any) {
			_ = args[0].(*socket.Socket).On("disconnect", func(args ...any) { gone <- args[0] })
		})
		begun := time.Now() // before the server's clock begins to run
		silent := s.dialSilently("EIO=4")
		_ = silent.WriteMessage(websocket.TextMessage, []byte("40"))
		var reason any
		for reason == nil {
			select {
			case reason = <-gone:
			case <-time.After(10 * time.Millisecond):
				talking.send(`2["e"]`)
				await.Value(t, heard)
			}
			if time.Since(begun) > await.Patience {
				t.Fatalf("%s may be silent for ever", mute)
			}
		}
		if took := time.Since(begun); reason != "transport error" || took < timeout-50*time.Millisecond {
			t.Errorf("%s gone after %v because of %v", mute, took, reason)
		}
	}
}

// TestStubbornClient: one that does not close its end has it closed.
func TestStubbornClient(t *testing.T) {
	s := serve(t, lonely{})
	for range 2 {
		stubborn := s.dialSilently("EIO=4")
		connected := make(chan *socket.Socket, 1)
		_ = s.Once("connection", func(args ...any) { connected <- args[0].(*socket.Socket) })
		_ = stubborn.WriteMessage(websocket.TextMessage, []byte("40"))
		await.Value(t, connected).Disconnect(true)
	}
	await.Condition(t, "nobody left", func() bool { return s.constructor.ClientStats().Clients == 0 })
}
