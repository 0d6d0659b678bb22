package wsaccept

import (
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// HideTaken keeps the engine's listeners from getting the connections of clients that were
// taken over: it puts one listener in front of the existing ones. No connection may be
// announced meanwhile.
func HideTaken(server engine.BaseServer) {
	inner := types.NewEventEmitter()
	_ = inner.On("connection", server.Listeners("connection")...)
	server.RemoveAllListeners("connection")
	_ = server.On("connection", func(args ...any) {
		if conn, ok := args[0].(engine.Socket); ok && Taken(conn.Transport()) {
			conn.Close(true)
			return
		}
		inner.Emit("connection", args...)
	})
}
