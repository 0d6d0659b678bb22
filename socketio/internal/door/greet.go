package door

import (
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// greet answers the request that a client begins with polling by, in the steps of
// the library's Server.HandleRequest. The engine socket keeps the request.
func (d *Door) greet(ctx *types.HttpContext) {
	if code, context := d.engine.Verify(ctx, false); code != nil {
		d.refuse(ctx, code, context, abortRequest)
		return
	}
	response := &response{inner: ctx.Response(), header: ctx.Response().Header()}
	lean := leanContext(ctx, response)
	if code, transport := d.engine.Handshake(transports.POLLING, lean); transport == nil {
		abortRequest(lean, code, code.Message)
	}
	<-lean.Done()
	response.release()
	lean.ResponseHeaders().Replace(map[string][]string{})
	ctx.Flush() // the engine waits for this one
}
