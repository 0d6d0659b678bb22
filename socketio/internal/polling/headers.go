package polling

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// emitHeaders is called for every answer before it is written: it adds the cookie to the
// answer of the first request, and emits the engine's "initial_headers" and "headers",
// whose listeners may add more.
func (t *Transport) emitHeaders(args ...any) {
	headers, ctx := args[0].(*types.ParameterBag), args[1].(*types.HttpContext)
	if ctx.Query().Peek("sid") == "" {
		if option := t.env.Engine.Opts().Cookie(); option != nil {
			if cookie := sessionCookie(*option, t.Sid()); cookie != "" {
				headers.Set("Set-Cookie", cookie)
			}
		}
		t.env.Engine.Emit("initial_headers", headers, ctx)
	}
	t.env.Engine.Emit("headers", headers, ctx)
	// A listener may write a name in lower case; the library would send it twice.
	for name, values := range headers.All() {
		if canonical := http.CanonicalHeaderKey(name); canonical != name {
			headers.Remove(name)
			headers.With(map[string][]string{canonical: values})
		}
	}
}

// sessionCookie returns the cookie of the engine's option, with the session's id as its
// value and the defaults of Node's server: the path "/", HttpOnly, and SameSite=Lax. It is
// "" if the option's name is not a valid cookie name.
func sessionCookie(option http.Cookie, sid string) string {
	if option.Name == "" {
		option.Name = "io"
	}
	if option.Path == "" {
		option.Path = "/"
	}
	option.HttpOnly = true
	if option.SameSite == 0 || option.SameSite == http.SameSiteDefaultMode {
		option.SameSite = http.SameSiteLaxMode
	}
	option.Value = strings.ReplaceAll(url.QueryEscape(sid), "+", "%20")
	option.Quoted = false
	return option.String()
}
