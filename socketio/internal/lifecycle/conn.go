package lifecycle

import (
	"io"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/emitter"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/polling"
)

// Follower is a connection that has a [Client]. When the connection ends, the client is
// told first; [Client.Closed] tells the connection's listeners of "close".
type Follower interface {
	engine.Socket
	Lifecycle() *Client
}

// Front stands between an engine and the listeners of its "connection", the Socket.IO
// server first of all: they get to see a [Follower] of each connection. gated tells
// that the server's decoders take an [sioparser.Gate]; then clients that are ahead of their
// handlers are held back, and, with detours, packets that come before the library has noted
// that a socket is connected, see [Client.Packet].
//
// Listeners that are added later, or to be called once, see the engine's own
// connections.
func Front(server engine.BaseServer, gated, detours bool, clients *inflow.Clients) {
	var socketIO types.EventListener
	others := new(emitter.Emitter)
	for _, fn := range server.Listeners("connection") {
		switch {
		case !server.RemoveListener("connection", fn):
		case socketIO == nil:
			socketIO = fn
		default:
			_ = others.On("connection", fn)
		}
	}
	if socketIO == nil {
		return
	}
	_ = server.On("connection", func(args ...any) {
		conn, ok := args[0].(engine.Socket)
		if !ok {
			return
		}
		f := follow(conn)
		// Listeners to be called once have been called already, and may have added others.
		before := len(f.Listeners("data"))
		socketIO(f)
		if data := f.Listeners("data"); gated && len(data) > before {
			f.Lifecycle().detours = detours
			data[before](f.Lifecycle()) // a gate, which the client hands to its decoder
			f.Lifecycle().pace(clients)
		}
		others.Emit("connection", f)
	})
}

// follow is the connection itself, if it is a Follower, or one around it.
func follow(conn engine.Socket) Follower {
	if f, ok := conn.(Follower); ok {
		return f
	}
	c := &follower{Socket: conn}
	c.client.Init(c)
	if r, ok := conn.Request().Response().(interface{ Ticket() *admission.Ticket }); ok {
		c.client.Admitted(r.Ticket())
	}
	_ = conn.Once("close", func(end ...any) {
		c.client.Closed(end, func() { c.closing.Emit("close", end...) })
	})
	return c
}

// follower is a connection of the library with a Client. The listeners of its "close" are
// told when the sockets have left.
type follower struct {
	engine.Socket
	client  Client
	closing emitter.Emitter // of "close" alone
}

var _ Follower = (*follower)(nil)

func (c *follower) Lifecycle() *Client { return &c.client }

// emitterOf is the emitter that has the listeners of an event.
func (c *follower) emitterOf(name types.EventName) types.EventEmitter {
	if name == "close" {
		return &c.closing
	}
	return c.Socket
}

func (c *follower) On(name types.EventName, fns ...types.EventListener) error {
	return c.emitterOf(name).On(name, fns...)
}

func (c *follower) AddListener(name types.EventName, fns ...types.EventListener) error {
	return c.emitterOf(name).AddListener(name, fns...)
}

func (c *follower) Once(name types.EventName, fns ...types.EventListener) error {
	return c.emitterOf(name).Once(name, fns...)
}

func (c *follower) RemoveListener(name types.EventName, fn types.EventListener) bool {
	return c.emitterOf(name).RemoveListener(name, fn)
}

func (c *follower) RemoveAllListeners(name types.EventName) bool {
	return c.emitterOf(name).RemoveAllListeners(name)
}

func (c *follower) ListenerCount(name types.EventName) int {
	return c.emitterOf(name).ListenerCount(name)
}

func (c *follower) Listeners(name types.EventName) []types.EventListener {
	return c.emitterOf(name).Listeners(name)
}

// waits tells a transport that keeps account of it that a message is about to wait.
func (c *follower) waits(data io.Reader) {
	if t, ok := c.Transport().(interface{ Waits(bytes int) }); ok && c.ReadyState() == "open" {
		t.Waits(polling.Length(data))
	}
}

func (c *follower) Send(data io.Reader, options *packet.Options, callback engine.SendCallback) engine.Socket {
	c.waits(data)
	c.Socket.Send(data, options, callback)
	return c
}

func (c *follower) Write(data io.Reader, options *packet.Options, callback engine.SendCallback) engine.Socket {
	c.waits(data)
	c.Socket.Write(data, options, callback)
	return c
}
