package wsaccept

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// refuse emits "connection_error" to the server's listeners, and answers the client with
// abort.
func (d *Acceptor) refuse(ctx *types.HttpContext, code *types.CodeMessage, context map[string]any, abort func(*types.HttpContext, *types.CodeMessage, string)) {
	d.engine.Emit("connection_error", &types.ErrorMessage{CodeMessage: code, Req: ctx, Context: context})
	message := code.Message
	if m, ok := context["message"].(string); ok && m != "" {
		message = m
	}
	abort(ctx, code, message)
}

// abortRequest answers as Node's server answers a request that is not an upgrade.
func abortRequest(ctx *types.HttpContext, code *types.CodeMessage, message string) {
	ctx.ResponseHeaders().Set("Content-Type", "application/json")
	status := http.StatusBadRequest
	if code == engine.FORBIDDEN {
		status = http.StatusForbidden
	}
	_ = ctx.SetStatusCode(status)
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	_ = e.Encode(types.CodeMessage{Code: code.Code, Message: message}) // no error is possible: a number and a string
	_, _ = ctx.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// abortUpgrade answers as Node's server answers an upgrade.
func abortUpgrade(ctx *types.HttpContext, _ *types.CodeMessage, message string) {
	answerText(ctx, http.StatusBadRequest, message)
}

// retryAfter is when a client may come again, in seconds: then a balancer has another
// server for it, or it finds one at once.
const retryAfter = "1"

// Unavailable answers as Node's server answers upgrades once it is closed. (Node answers
// nothing else then, because its port is closed.)
func Unavailable(ctx *types.HttpContext) {
	ctx.ResponseHeaders().Set("Retry-After", retryAfter)
	answerText(ctx, http.StatusServiceUnavailable, http.StatusText(http.StatusServiceUnavailable))
}

// answerText answers with a text, and ends the connection. Node's server declares the text
// as HTML; it may quote what the client has sent, so here it is plain text.
func answerText(ctx *types.HttpContext, status int, text string) {
	ctx.ResponseHeaders().Set("Connection", "close")
	ctx.ResponseHeaders().Set("Content-Type", "text/plain; charset=utf-8")
	_ = ctx.SetStatusCode(status)
	_, _ = io.WriteString(ctx, text)
}
