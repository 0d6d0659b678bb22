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

// Follower is a connection that has a [Client]. When the connection ends, the client learns
// it first; [Client.Closed] calls the connection's listeners of "close".
type Follower interface {
	engine.Socket
	Lifecycle() *Client
}

// Front puts itself between an engine and the listeners of its "connection", first of all
// the Socket.IO server: they get a [Follower] of each connection. gated says that the
// server's decoders take an [sioparser.Gate]; then clients that are ahead of their handlers
// are held back and, with detours, packets that come before the library has noted that a
// socket is connected wait, see [Client.Packet].
//
// Listeners that are added later, or with Once, get the engine's own connections.
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
		// Listeners added with Once have run already, and may have added others.
		before := len(f.Listeners("data"))
		socketIO(f)
		if data := f.Listeners("data"); gated && len(data) > before {
			f.Lifecycle().detours = detours
			data[before](f.Lifecycle()) // the listener that the library adds is a gate, and hands the client to its decoder
			f.Lifecycle().pace(clients)
		}
		others.Emit("connection", f)
	})
}

// follow returns the connection itself if it is a Follower, else one around it.
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

// follower is a connection of the library with a Client. Its listeners of "close" are
// called when the sockets have left.
type follower struct {
	engine.Socket
	client  Client
	closing emitter.Emitter // the emitter of "close" only
}

var _ Follower = (*follower)(nil)

func (c *follower) Lifecycle() *Client { return &c.client }

// emitterOf returns the emitter that has the listeners of an event.
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

// waits tells a transport that counts them that the bytes of a message are about to wait.
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
