package socketio

import (
	"testing"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
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
	await.Condition(t, "upgraded", func() bool { return sock.Conn().Transport().Name() == transports.WEBSOCKET })
	w.hear("2")
	w.say("3")
	select {
	case reason := <-gone:
		t.Errorf("closed: %v", reason)
	case <-time.After(4100 * time.Millisecond): // the next ping is later
	}
}

// TestUnreadPong: a client whose pong has arrived is not given up because the server has not
// come to look at it.
func TestUnreadPong(t *testing.T) {
	t.Parallel()
	options := socket.DefaultServerOptions()
	options.SetPingInterval(200 * time.Millisecond)
	options.SetPingTimeout(2 * time.Second) // in which a busy machine has to take the pong to the server
	s := serveWith(t, options, lonely{})
	_, sock := s.client("/")
	reading, read := make(chan struct{}, 1), make(chan struct{})
	_ = sock.Conn().On("packet", func(args ...any) { // the server reads, and is slow
		if args[0].(*packet.Packet).Type == packet.PONG {
			select {
			case reading <- struct{}{}:
				<-read
			default:
			}
		}
	})
	beat := make(chan struct{}, 1)
	_ = sock.Conn().Once("heartbeat", func(...any) { close(beat) })
	gone := make(chan any, 1)
	_ = sock.Conn().Once("close", func(args ...any) { gone <- args[0] })
	await.Value(t, reading)
	select {
	case reason := <-gone:
		t.Errorf("given up: %v", reason)
	case <-time.After(5 * time.Second): // more than twice what a client has
	}
	close(read)
	ended(t, beat)
}
