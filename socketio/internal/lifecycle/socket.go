package lifecycle

import (
	"log/slog"
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/emitter"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
)

// Socket is the event emitter of a socket. It calls the listeners of "disconnecting" and
// "disconnect" once, however many goroutines close the socket.
type Socket struct {
	emitter.Emitter
	socket *socket.Socket
	client atomic.Pointer[Client] // nil until the socket is connected

	// closing is how many goroutines are between "disconnecting" and "disconnect", or gone
	// when the listeners of both have been called.
	closing atomic.Int32
	telling atomic.Bool // the listeners of "disconnecting" are running
	entered atomic.Bool // the listeners of "connection" have been called
	reason  []any       // what the listeners of the close get; set by the first goroutine that closes

	noted   atomic.Bool  // the library accepts packets for the socket
	detours atomic.Int32 // packets that came before that and wait in the queue

	waiting inflow.Namespace // the packets that wait for handlers, for the client's flow

	// Guarded by the client's lock.
	left  bool   // DISCONNECT has been received
	again func() // passes on a CONNECT that was received after it; nil if there is none
}

var _ types.EventEmitter = (*Socket)(nil)

const gone = -1

// serverDisconnects is the reason of a socket that the application disconnects.
const serverDisconnects = "server namespace disconnect"

// isClosing reports whether the socket is about to leave or has left.
func (s *Socket) isClosing() bool { return s.closing.Load() != 0 }

// Adopt gives a socket its Socket, if it has none. No other goroutine knows the socket yet,
// so none reads the field meanwhile. Listeners that panic are logged.
func Adopt(sock *socket.Socket, logger *slog.Logger) *Socket {
	if s := of(sock); s != nil {
		return s
	}
	s := &Socket{socket: sock}
	s.Panicked = func(name types.EventName, reason any, stack []byte) {
		logger.Error("listener panicked", "event", string(name), "socket", sock.Id(), "panic", reason, "stack", string(stack))
	}
	old := sock.StrictEventEmitter.EventEmitter
	for _, name := range old.EventNames() {
		_ = s.On(name, old.Listeners(name)...)
	}
	sock.StrictEventEmitter.EventEmitter = s
	return s
}

func of(sock *socket.Socket) *Socket {
	s, _ := sock.StrictEventEmitter.EventEmitter.(*Socket)
	return s
}

// Emit calls an event's listeners.
func (s *Socket) Emit(name types.EventName, data ...any) {
	switch name {
	case "disconnecting":
		s.disconnecting(data)
	case "disconnect":
		s.disconnect(data)
	default:
		s.Emitter.Emit(name, named(name, data)...)
	}
}

// disconnecting is called by each goroutine that closes the socket.
func (s *Socket) disconnecting(reason []any) {
	for {
		n := s.closing.Load()
		switch {
		case n == gone:
			return
		case !s.closing.CompareAndSwap(n, n+1):
			continue
		case n > 0:
			return // somebody else tells
		}
		break
	}
	s.reason = s.actual(reason)
	if c := s.client.Load(); c != nil && len(s.reason) > 0 && s.reason[0] == serverDisconnects {
		c.kicking(s)
	}
	s.telling.Store(true)
	s.Emitter.Emit("disconnecting", s.reason...)
	s.telling.Store(false)
}

// disconnect is called by each goroutine that closes the socket, when it has made the
// socket leave its rooms. The last one calls the listeners: by then all have done so.
func (s *Socket) disconnect([]any) {
	for {
		n := s.closing.Load()
		if n <= 0 {
			return // the listeners have been called
		}
		after := n - 1
		if after == 0 {
			after = gone
		}
		if !s.closing.CompareAndSwap(n, after) {
			continue
		}
		if after == gone {
			break
		}
		return
	}
	s.Emitter.Emit("disconnect", s.reason...)
	if c := s.client.Load(); c != nil {
		c.forget(s)
	}
}

// actual returns the reason of a close. If the server closes a socket whose connection has
// ended already, and only the socket's handlers were still running, the reason is that of
// the connection's end.
func (s *Socket) actual(reason []any) []any {
	if len(reason) == 0 || reason[0] != serverDisconnects && reason[0] != "forced server close" {
		return reason
	}
	if c := s.client.Load(); c != nil {
		if end := c.ended(); end != nil {
			return end
		}
	}
	return reason
}

// Telling reports whether the listeners of a socket's "disconnecting" are running. They may
// ask for the socket's rooms, so another goroutine that closes the socket must not make it
// leave them. The goroutine that calls the listeners will.
func Telling(sock *socket.Socket) bool {
	s := of(sock)
	return s != nil && s.telling.Load()
}

// Behind runs f when all packets that have been received so far are handled.
func (s *Socket) Behind(f func()) {
	behind := func() { s.socket.Enqueue(func() { s.socket.Enqueue(f) }) }
	if s.detours.Load() > 0 {
		s.socket.Enqueue(behind) // the detoured packets pass the queue once more, see [Client.Packet]
		return
	}
	behind()
}

// Connected is called by a task of the socket's queue when the application is about to
// learn that the socket is connected.
func Connected(sock *socket.Socket) {
	if s := of(sock); s != nil {
		s.noted.Store(true)
		sock.Enqueue(func() {
			s.entered.Store(true)
			if c := s.client.Load(); c != nil {
				c.arrived()
			}
		})
	}
}

// Judged is called when a socket's middlewares have been called. It releases the ticket
// behind the queue: if they have refused the socket, or decide later, another client may be
// admitted.
func Judged(sock *socket.Socket) {
	if f, ok := sock.Conn().(Follower); ok && f.Lifecycle().ticketed() {
		sock.Enqueue(f.Lifecycle().arrived)
	}
}

// Disconnect disconnects a socket of the namespace: at once if the listeners of
// "connection" have been called; else behind them, so that they can add listeners for its
// end.
func Disconnect(sock *socket.Socket, closeConn bool) {
	if s := of(sock); s != nil && !s.entered.Load() {
		sock.Enqueue(func() { sock.Disconnect(closeConn) })
		return
	}
	sock.Disconnect(closeConn)
}

// close closes the socket because its connection has ended.
func (s *Socket) close() { s.socket.Disconnect(false) }
