package socketio

import (
	"errors"

	"github.com/zishang520/socket.io/servers/engine/v3"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
)

// losses lists what does not work on any server with this version of the library.
func (c *Constructor) losses() (losses []hostcompat.Loss) {
	if !c.fetched.FitsLibrary() {
		losses = append(losses, hostcompat.Loss{
			What: "making fetched sockets without the library's constructor",
			Why:  errors.New("socket.RemoteSocket has other fields"),
			Cost: "FetchSockets allocates several times as much",
		})
	}
	if _, err := hostcompat.ClientsCount(engine.MakeServer()); err != nil && !c.clients.Library {
		losses = append(losses, hostcompat.Loss{
			What: "counting clients that connect by WebSocket directly",
			Why:  err,
			Cost: "the engine's ClientsCount leaves them out",
		})
	}
	return losses
}

func lossOfParser(err error) hostcompat.Loss {
	return hostcompat.Loss{
		What: "the mesh's own parser",
		Why:  err,
		Cost: "values that a client sent are empty when they are emitted a second time, what cannot be encoded is sent as an empty packet, and decoding takes longer; Configure sets the parser by the options",
	}
}

func lossOfFastPath(err error) hostcompat.Loss {
	return hostcompat.Loss{
		What: "the mesh's own way to clients",
		Why:  err,
		Cost: "each event is written to each client separately, slow clients are kept without bounds, and the end of a client can overtake its last events",
	}
}

func lossOfGate(err error) hostcompat.Loss {
	return hostcompat.Loss{
		What: "holding back what clients send",
		Why:  err,
		Cost: "clients that are ahead of their handlers fill the memory, and their DISCONNECT can overtake their last events; Configure makes it work by the options",
	}
}
