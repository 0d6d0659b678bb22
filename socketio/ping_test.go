package socketio

import (
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestFastPong: a client answers a ping before the engine socket has begun to wait
// for that. It is not given up.
func TestFastPong(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(p *pollingClient, sock *socket.Socket) // a ping, once
	}{
		{"polling", func(p *pollingClient, _ *socket.Socket) {
			if got := p.get(); got != "2" {
				p.t.Errorf("got %q, want a ping", got)
			}
			p.post("3")
		}},
		{"upgraded", func(p *pollingClient, sock *socket.Socket) {
			w := p.probe()
			if got := p.get(); got != "6" {
				p.t.Fatal(got)
			}
			w.say("5")
			eventually(p.t, "upgraded", func() bool { return sock.Conn().Transport().Name() == transports.WEBSOCKET })
			w.hear("2")
			w.say("3")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			options := socket.DefaultServerOptions()
			options.SetPingInterval(1200 * time.Millisecond)
			options.SetPingTimeout(time.Second)
			s := serveWith(t, options, lonely{})
			p, sock := s.polling()
			beat := make(chan struct{}, 10)
			_ = sock.Conn().On("heartbeat", func(...any) { beat <- struct{}{} })
			// The engine socket tells of a packet that is on its way; then it sets its
			// timer.
			_ = sock.Conn().On("drain", func(...any) {
				select {
				case <-beat:
				case <-time.After(20 * time.Millisecond):
				}
			})
			gone := make(chan any, 1)
			_ = sock.Conn().Once("close", func(args ...any) { gone <- args[0] })
			test.answer(p, sock)
			select {
			case reason := <-gone:
				t.Errorf("closed: %v", reason)
			case <-time.After(1100 * time.Millisecond): // the next ping is later
			}
		})
	}
}
