package lifecycle

import (
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
)

// Client is the lifecycle of one connection and its sockets.
type Client struct {
	conn engine.Socket

	mu      sync.Mutex
	sockets []*Socket // the connected ones
	end     []any     // why the connection has ended, reason and description; nil while it is open
	closed  func()    // called when the connection has ended and all sockets have left
	kicks   int       // sockets that the server is disconnecting
	refused bool      // refuse was called meanwhile

	ticket  *admission.Ticket // the admission of the handshake; nil when the first socket has arrived
	detours bool              // packets for sockets that are being connected take a detour through the socket's queue
	flow    inflow.Flow
}

var (
	_ sioparser.Gate = (*Client)(nil)
	_ inflow.Owner   = (*Client)(nil)
)

// Init is called once, before anything else.
func (c *Client) Init(conn engine.Socket) { c.conn = conn }

// Admitted gives the client the ticket of its admission. The ticket is released when the
// application has learned of the client's first socket, or the client has gone.
func (c *Client) Admitted(t *admission.Ticket) {
	t.Own()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ticket = t
}

// arrived releases the ticket, so that the gate admits another client.
func (c *Client) arrived() {
	c.mu.Lock()
	t := c.ticket
	c.ticket = nil
	c.mu.Unlock()
	t.Release()
}

func (c *Client) ticketed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ticket != nil
}

// Connecting is called while the library connects a socket, before the client gets the
// answer.
func Connecting(sock *socket.Socket, logger *slog.Logger) {
	if f, ok := sock.Conn().(Follower); ok {
		f.Lifecycle().join(Adopt(sock, logger))
	}
}

func (c *Client) join(s *Socket) {
	c.mu.Lock()
	if s.client.Load() != nil {
		c.mu.Unlock()
		return
	}
	s.client.Store(c)
	c.sockets = append(c.sockets, s)
	ended := c.end != nil
	c.mu.Unlock()
	if ended { // while the namespace's middlewares were running
		s.Behind(s.close)
	}
}

// forget is called after the listeners of a socket's "disconnect".
func (c *Client) forget(s *Socket) {
	c.mu.Lock()
	if i := slices.Index(c.sockets, s); i >= 0 {
		c.sockets = slices.Delete(c.sockets, i, i+1)
	}
	again := s.again
	if s.again = nil; c.end != nil {
		again = nil
	}
	closed := c.whenClosed()
	c.mu.Unlock()
	c.flow.Closed(&s.waiting)
	if again != nil {
		again()
	}
	closed()
}

// whenClosed returns the function to call after the connection has ended or a socket has
// left.
func (c *Client) whenClosed() func() {
	if c.closed == nil || len(c.sockets) > 0 {
		return func() {}
	}
	closed := c.closed
	c.closed = nil
	return closed
}

// Closed is called once when the connection has closed, with the arguments of its "close"
// event. It calls then when the sockets have left.
func (c *Client) Closed(end []any, then func()) {
	c.finish(end)
	c.mu.Lock()
	c.closed = then
	closed := c.whenClosed()
	c.mu.Unlock()
	closed()
}

// finish makes each socket leave when its packets have been handled. Only the first end
// counts.
func (c *Client) finish(end []any) {
	c.mu.Lock()
	if c.end != nil {
		c.mu.Unlock()
		return
	}
	c.end = end
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	c.arrived()
	c.flow.End()
	for _, s := range sockets {
		s.Behind(s.close)
	}
}

// ended returns why the connection has ended; nil if it has not.
func (c *Client) ended() []any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Packet gets a packet before the library does, and reports whether the library may handle
// it now.
//
// An event passes its socket's queue twice, and DISCONNECT once: so the library would
// handle DISCONNECT before the events that came with it. Here DISCONNECT passes the queue
// once more. A CONNECT behind it waits until the socket has left. A packet that is not
// valid ends the connection, as in the library, but only when the queues are empty.
//
// The library answers CONNECT before it has noted that the client is in the namespace, and
// would end the connection because of a packet that comes in between. It does both in one
// task of the socket's queue, so such a packet waits behind that task.
func (c *Client) Packet(p *parser.Packet, to sioparser.Passer) bool {
	c.mu.Lock()
	s := c.find(p.Nsp)
	if s == nil || !c.detours || s.noted.Load() && s.detours.Load() == 0 {
		return c.admit(s, p, to)
	}
	c.mu.Unlock()
	s.detours.Add(1)
	s.socket.Enqueue(func() {
		s.noted.Store(true)
		c.mu.Lock()
		if c.admit(c.find(p.Nsp), p, to) {
			to.Pass(p)
		}
		s.detours.Add(-1) // without other detours the next packet needs none
	})
	return false
}

// admit is Packet for a packet of s that does not come too early. It is called with the
// lock held, and unlocks.
func (c *Client) admit(s *Socket, p *parser.Packet, to sioparser.Passer) bool {
	switch {
	case s == nil:
		ticket := c.ticket
		c.mu.Unlock()
		if p.Type != parser.CONNECT {
			c.refuse()
			return false
		}
		ticket.Step()
		return true
	case p.Type == parser.CONNECT && (s.left || s.isClosing()) && s.again == nil:
		s.again = func() { to.Pass(p) }
		c.mu.Unlock()
		return false
	case p.Type == parser.CONNECT, p.Type == parser.CONNECT_ERROR:
		c.mu.Unlock()
		c.refuse()
		return false
	case p.Type == parser.DISCONNECT:
		s.left = true
		c.mu.Unlock()
		s.socket.Enqueue(func() {
			if s.socket.Connected() { // otherwise the server has disconnected it first
				to.Pass(p)
			}
		})
		return false
	case s.isClosing(): // the library may have forgotten the socket, and would end the connection
		c.mu.Unlock()
		c.refuse()
		return false
	}
	c.mu.Unlock()
	c.flow.Passed(&s.waiting, s)
	return true
}

// pace lets the connection's transports hold the client back when it is ahead of its
// handlers. From now on the client's packets are counted.
func (c *Client) pace(clients *inflow.Clients) {
	c.flow.Init(clients, c)
	transport := c.conn.Transport()
	c.paces(transport)
	if transport != nil && transport.Name() == transports.POLLING {
		_ = c.conn.On("upgrade", func(args ...any) { c.paces(args[0]) })
	}
}

func (c *Client) paces(transport any) {
	if t, ok := transport.(interface{ SetFlow(*inflow.Flow) }); ok {
		t.SetFlow(&c.flow)
	}
}

// Namespaces visits the queues of the sockets.
func (c *Client) Namespaces(visit func(*inflow.Namespace, inflow.Queue)) {
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		visit(&s.waiting, s)
	}
}

// find returns the socket in a namespace, named as the client writes it; nil if there is
// none.
func (c *Client) find(nsp string) *Socket {
	if strings.ContainsAny(nsp, "?%#") && c.conn.Protocol() == 3 {
		if parsed, err := url.Parse(nsp); err == nil {
			nsp = parsed.Path
		}
	}
	for _, s := range c.sockets {
		if s.socket.Nsp().Name() == nsp {
			return s
		}
	}
	return nil
}

// kickTime is how long a packet that is not valid waits for the handler of a socket that
// the server has disconnected.
const kickTime = time.Second

// kicking is called when the server begins to disconnect a socket. A handler that
// disconnects the whole client does so with one socket after the other. In Node no packet is
// read meanwhile. Here one may be, for a socket that has left: it must not end the
// connection until the handler has returned, or the other sockets would leave with its reason.
func (c *Client) kicking(s *Socket) {
	c.mu.Lock()
	c.kicks++
	c.mu.Unlock()
	kicked := sync.OnceFunc(c.kicked)
	timer := time.AfterFunc(kickTime, kicked) // the queue may be closed already
	s.socket.Enqueue(func() {
		timer.Stop()
		kicked()
	})
}

func (c *Client) kicked() {
	c.mu.Lock()
	c.kicks--
	refused := c.refused && c.kicks == 0
	if refused {
		c.refused = false
	}
	c.mu.Unlock()
	if refused {
		c.refuse()
	}
}

// refuse ends the connection because of a packet that is not valid in its state. If the
// connection closes at once, as a WebSocket does, the sockets leave with its reason.
func (c *Client) refuse() {
	c.mu.Lock()
	if c.kicks > 0 {
		c.refused = true
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.conn.Close(false)
	c.finish([]any{"forced server close"})
}

// Failed ends the connection because of input that is not a packet.
func (c *Client) Failed(err error) {
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		s.Behind(func() {
			if s.socket.Connected() { // otherwise it has left before
				s.Emit("error", err)
			}
		})
	}
	c.conn.Close(false)
}
