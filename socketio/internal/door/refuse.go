package door

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// refuse tells the server's listeners, and the client by means of abort.
func (d *Door) refuse(ctx *types.HttpContext, code *types.CodeMessage, context map[string]any, abort func(*types.HttpContext, *types.CodeMessage, string)) {
	d.engine.Emit("connection_error", &types.ErrorMessage{CodeMessage: code, Req: ctx, Context: context})
	message := code.Message
	if m, ok := context["message"].(string); ok {
		message = m
	}
	abort(ctx, code, message)
}

// abortRequest answers as the library answers a request that is no handshake.
func abortRequest(ctx *types.HttpContext, code *types.CodeMessage, message string) {
	ctx.ResponseHeaders().Set("Content-Type", "application/json")
	status := http.StatusBadRequest
	if code == engine.FORBIDDEN {
		status = http.StatusForbidden
	}
	_ = ctx.SetStatusCode(status)
	body, err := json.Marshal(types.CodeMessage{Code: code.Code, Message: message})
	if err == nil {
		_, _ = ctx.Write(body)
	}
}

// abortUpgrade answers as the library answers a handshake: over WebSocket if that
// is there already.
func abortUpgrade(ctx *types.HttpContext, _ *types.CodeMessage, message string) {
	if ctx.Websocket == nil {
		_ = ctx.SetStatusCode(http.StatusBadRequest)
		_, _ = io.WriteString(ctx, message)
		return
	}
	_ = ctx.Websocket.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, message))
	_ = ctx.Websocket.Close()
}
