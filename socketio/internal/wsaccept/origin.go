package wsaccept

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// loggedOrigins is the number of refused origins that are logged, and loggedOrigin how many
// bytes of each.
const (
	loggedOrigins = 100
	loggedOrigin  = 256
)

// origins decides which web pages may open WebSockets, and logs each refused origin once.
// Unlike with polling, browsers do not ask whether a page may open a WebSocket: so without
// the option Cors, only pages of this server's own host may. X-Forwarded-Host is ignored,
// because a client can write anything into it.
type origins struct {
	logger *slog.Logger

	mu      sync.Mutex
	refused map[string]struct{}
}

// verify checks the Origin of a request, which only browsers send.
func (o *origins) verify(ctx *types.HttpContext, cors *types.Cors) (*types.CodeMessage, map[string]any) {
	r := ctx.Request()
	origin := r.Header.Get("Origin")
	if origin == "" || cors != nil && cors.Origin != nil && cors.IsOriginAllowed(origin, cors.Origin) {
		return nil, nil
	}
	if (cors == nil || cors.Origin == nil) && sameHost(origin, r.Host) {
		return nil, nil
	}
	o.log(origin, r)
	return engine.FORBIDDEN, map[string]any{"name": "ORIGIN_NOT_ALLOWED", "message": "Origin not allowed", "origin": origin, "host": r.Host}
}

// log logs an origin that is refused for the first time.
func (o *origins) log(origin string, r *http.Request) {
	shown := origin[:min(len(origin), loggedOrigin)]
	o.mu.Lock()
	_, known := o.refused[shown]
	count := len(o.refused)
	if !known && count < loggedOrigins {
		if o.refused == nil {
			o.refused = map[string]struct{}{}
		}
		o.refused[shown] = struct{}{}
	}
	o.mu.Unlock()
	if known || count >= loggedOrigins {
		return
	}
	o.logger.Warn("WebSocket refused: the page that opens it is of another origin than this server; if it is yours, allow it with the server option Cors",
		"origin", shown, "host", r.Host, "remote", r.RemoteAddr, "option", "ServerOptions.SetCors(&types.Cors{Origin: …})")
	if count == loggedOrigins-1 {
		o.logger.Warn("WebSockets of many origins are refused: further ones are not logged", "origins", loggedOrigins)
	}
}

// sameHost reports whether a page's origin has the host that the request was sent to. The
// default port of the origin's scheme may be left out.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(withoutPort(u.Host, u.Scheme), withoutPort(host, u.Scheme))
}

var ports = map[string]string{"http": "80", "https": "443"}

func withoutPort(host, scheme string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && port == ports[scheme] {
		if strings.Contains(name, ":") {
			return "[" + name + "]"
		}
		return name
	}
	return host
}
