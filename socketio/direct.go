package socketio

import (
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// directly puts the event into the queue of the socket's connection, past the
// library; t is the connection's transport, or nil if that is to be found out. It
// reports false where the library has to have its part: for clients that poll, for
// listeners that want to see every packet, for encoders of the application's.
func (d *delivery) directly(s *socket.Socket, t *wstransport.Transport) bool {
	if d.host.encoder != nil || d.watched() || len(s.ListenersAnyOutgoing()) > 0 {
		return false
	}
	if t == nil {
		if t = transportOf(s.Conn()); t == nil {
			return false
		}
	}
	if watched(s.Conn()) {
		return false
	}
	if d.message.Head == nil {
		d.message = wstransport.Message{
			Head:        d.head(),
			Text:        d.event.Text,
			Attachments: d.event.Attachments,
			Volatile:    d.flags.Volatile,
			Compress:    d.flags.Compress != core.CompressOff,
		}
	}
	return t.Deliver(&d.message)
}

// watched tells whether somebody listens to all that is written, to whomever. It
// is asked once for all sockets.
func (d *delivery) watched() bool {
	if !d.asked {
		d.asked = true
		if server := d.host.nsp.Server().Engine(); server != nil {
			d.all = server.ListenerCount("flush")+server.ListenerCount("drain") > 0
		}
	}
	return d.all
}

// watched tells whether somebody listens to all that is written to a connection.
func watched(conn engine.Socket) bool {
	if s, ok := conn.(*session.Session); ok {
		return s.Watched()
	}
	return conn.ListenerCount("packetCreate")+conn.ListenerCount("flush")+conn.ListenerCount("drain") > 0
}
