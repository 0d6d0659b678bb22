package socketio

import "github.com/zishang520/socket.io/servers/engine/v3"

// exchange is an engine socket's change of transports. While the library changes
// them, neither the socket hears of the new transport's end, nor the transport of
// the socket's.
type exchange struct{ conn engine.Socket }

// done is called when the socket has the new transport, and they hear of each other
// again. What one of them has missed it learns now.
func (e exchange) done(...any) {
	transport := e.conn.Transport()
	switch {
	case e.conn.ReadyState() == "closed":
		transport.Close()
	case transport.ReadyState() == "closed":
		transport.Emit("close")
	}
}
