package door

import (
	"net/http"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
)

// newUpgrader makes what does the WebSocket handshake, as the library does, with
// buffers as small as they get: nothing is read or written through them later.
func newUpgrader(server engine.BaseServer) websocket.Upgrader {
	u := websocket.Upgrader{
		ReadBufferSize:    1,
		WriteBufferPool:   new(sync.Pool),
		EnableCompression: server.Opts().PerMessageDeflate() != nil,
		Error:             func(http.ResponseWriter, *http.Request, int, error) {}, // the door answers
	}
	if cors := server.Opts().Cors(); cors != nil && cors.Origin != nil {
		u.CheckOrigin = func(r *http.Request) bool {
			origin := r.Header.Get("Origin")
			return origin == "" || cors.IsOriginAllowed(origin, cors.Origin)
		}
	}
	return u
}

// offersDeflate reads one line of the header: extensions with parameters, apart
// by commas.
func offersDeflate(line string) bool {
	for extension := range strings.SplitSeq(line, ",") {
		name, _, _ := strings.Cut(extension, ";")
		if strings.TrimSpace(name) == "permessage-deflate" {
			return true
		}
	}
	return false
}
