package socketio

import (
	"github.com/zishang520/socket.io/servers/engine/v3"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
)

// exchange is an engine socket's change of transports. While the library changes
// them, the socket does not hear of the new transport's end, and in some versions the
// transport not of the socket's.
type exchange struct {
	conn  engine.Socket
	needs hostcompat.Needs
}

// done is called when the socket has the new transport, and they hear of each other
// again. What one of them has missed it learns now.
func (e exchange) done(...any) {
	transport := e.conn.Transport()
	switch {
	case e.conn.ReadyState() == "closed":
		if e.needs.UpgradeEndsTransport {
			transport.Close()
		}
	case transport.ReadyState() == "closed" && e.needs.UpgradeEndsSocket:
		transport.Emit("close")
	}
}
