package wsaccept

import (
	"net/http"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"github.com/zishang520/socket.io/v3/pkg/utils"
)

// verify checks a request by the rules of Node's engine.io. The library's own check does
// not notice a change of the protocol's revision, and calls a session's id bad if it is
// only unknown.
func (d *Acceptor) verify(ctx *types.HttpContext, upgrade bool) (*types.CodeMessage, map[string]any) {
	query := ctx.Query()
	transport := query.Peek("transport")
	if !d.engine.Transports().Has(transport) || transport == transports.WEBTRANSPORT {
		return engine.UNKNOWN_TRANSPORT, map[string]any{"transport": transport}
	}
	if origin := ctx.Headers().Peek("Origin"); utils.CheckInvalidHeaderChar(origin) {
		ctx.Headers().Remove("Origin")
		return engine.BAD_REQUEST, map[string]any{"name": "INVALID_ORIGIN", "origin": origin}
	}
	if sid := query.Peek("sid"); sid != "" {
		return d.verifyClient(ctx, sid, transport, upgrade)
	}
	if method := ctx.Method(); method != http.MethodGet {
		return engine.BAD_HANDSHAKE_METHOD, map[string]any{"method": method}
	}
	if transport == transports.WEBSOCKET && !upgrade {
		return engine.BAD_REQUEST, map[string]any{"name": "TRANSPORT_HANDSHAKE_ERROR"}
	}
	allowed := d.engine.Opts().AllowRequest()
	if d.shared.Allowed != nil {
		allowed = d.shared.Allowed(allowed)
	}
	if allowed != nil {
		if err := allowed(ctx); err != nil {
			return engine.FORBIDDEN, map[string]any{"message": err.Error()}
		}
	}
	return nil, nil
}

// verifyClient checks a request of a client that is connected.
func (d *Acceptor) verifyClient(ctx *types.HttpContext, sid, transport string, upgrade bool) (*types.CodeMessage, map[string]any) {
	client, ok := d.engine.Clients().Load(sid)
	if !ok {
		return engine.UNKNOWN_SID, map[string]any{"sid": sid}
	}
	if previous := client.Transport().Name(); !upgrade && previous != transport {
		return engine.BAD_REQUEST, map[string]any{"name": "TRANSPORT_MISMATCH", "transport": transport, "previousTransport": previous}
	}
	if protocol := protocolOf(ctx); protocol != client.Protocol() {
		return engine.BAD_REQUEST, map[string]any{"name": "PROTOCOL_MISMATCH", "protocol": protocol, "previousProtocol": client.Protocol()}
	}
	return nil, nil
}

// protocolOf returns the revision of the protocol that a client speaks.
func protocolOf(ctx *types.HttpContext) int {
	if ctx.Query().Peek("EIO") == "4" {
		return 4
	}
	return 3
}

// unsupported refuses clients of a revision that the server does not support. (Package
// hostcompat corrects their error's code.)
func (d *Acceptor) unsupported(ctx *types.HttpContext) (*types.CodeMessage, map[string]any) {
	if protocol := protocolOf(ctx); protocol == 3 && !d.engine.Opts().AllowEIO3() {
		return engine.UNSUPPORTED_PROTOCOL_VERSION, map[string]any{"protocol": protocol}
	}
	return nil, nil
}
