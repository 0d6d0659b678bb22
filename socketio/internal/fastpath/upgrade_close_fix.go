package fastpath

import (
	"github.com/zishang520/socket.io/servers/engine/v3"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
)

// upgradeCloseFix repairs the change of transports of an engine socket. While the library
// changes them, the socket does not learn that the new transport ends, and in some versions
// the transport does not learn that the socket ends.
type upgradeCloseFix struct {
	conn  engine.Socket
	needs hostcompat.Needs
}

// upgraded is called when the socket has the new transport, and each learns of the other's
// end again. It makes up for an end that was missed.
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
