package fastpath

import (
	"github.com/zishang520/socket.io/servers/engine/v3"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
)

// upgradeCloseFix mends the change of transports of an engine socket. While the library
// changes them, the socket does not hear of the end of the new transport, and in some
// versions the transport does not hear of the socket's.
type upgradeCloseFix struct {
	conn  engine.Socket
	needs hostcompat.Needs
}

// upgraded is called when the socket has the new transport, and they hear of each other
// again. It tells each of them the end of the other that it has missed.
func (f upgradeCloseFix) upgraded(...any) {
	transport := f.conn.Transport()
	switch {
	case f.conn.ReadyState() == "closed":
		if f.needs.UpgradeEndsTransport {
			transport.Close()
		}
	case transport.ReadyState() == "closed" && f.needs.UpgradeEndsSocket:
		transport.Emit("close")
	}
}
