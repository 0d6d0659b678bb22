package socketio

import (
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestFastPong: a client that was upgraded answers a ping before the engine socket has
// begun to wait for that. It is not given up. (For clients that poll, package polling has
// the test.)
func TestFastPong(t *testing.T) {
	t.Parallel()
	options := socket.DefaultServerOptions()
	options.SetPingInterval(6 * time.Second)
	options.SetPingTimeout(4 * time.Second)
	s := serveWith(t, options, lonely{})
	p, sock := s.polling()
	beat := make(chan struct{}, 10)
	_ = sock.Conn().On("heartbeat", func(...any) { beat <- struct{}{} })
	// The engine socket tells of a packet that is on its way; then it sets its timer.
	_ = sock.Conn().On("drain", func(...any) {
		select {
		case <-beat:
		case <-time.After(20 * time.Millisecond):
		}
	})
	gone := make(chan any, 1)
	_ = sock.Conn().Once("close", func(args ...any) { gone <- args[0] })
	w := p.probe()
	if got := p.get(); got != "6" {
		t.Fatal(got)
	}
	w.say("5")
	eventually(t, "upgraded", func() bool { return sock.Conn().Transport().Name() == transports.WEBSOCKET })
	w.hear("2")
	w.say("3")
	select {
	case reason := <-gone:
		t.Errorf("closed: %v", reason)
	case <-time.After(4100 * time.Millisecond): // the next ping is later
	}
}
