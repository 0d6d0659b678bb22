package wsaccept

import (
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// newUpgrader makes what does the WebSocket handshake, with buffers as small as they
// get: nothing is read or written through them later. Who may come and what is
// negotiated is the acceptor's business.
func newUpgrader() websocket.Upgrader {
	return websocket.Upgrader{
		ReadBufferSize:  1,
		WriteBufferPool: new(sync.Pool),
		CheckOrigin:     func(*http.Request) bool { return true },
		Error:           func(http.ResponseWriter, *http.Request, int, error) {},
	}
}
