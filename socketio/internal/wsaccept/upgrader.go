package wsaccept

import (
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// newUpgrader returns what does the WebSocket handshake, with the smallest buffers that are
// possible: nothing is read or written through them later. Which clients are accepted and
// what is negotiated is decided by the acceptor.
func newUpgrader() websocket.Upgrader {
	return websocket.Upgrader{
		ReadBufferSize:  1,
		WriteBufferPool: new(sync.Pool),
		CheckOrigin:     func(*http.Request) bool { return true },
		Error:           func(http.ResponseWriter, *http.Request, int, error) {},
	}
}
