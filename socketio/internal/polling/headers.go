package polling

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// emitHeaders is called for every answer before it is written: it adds the cookie to
// that of the first request, and tells the engine's listeners of "initial_headers" and
// "headers", which may add more.
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
	// A listener may write a name in small letters; the library would send it twice.
	for name, values := range headers.All() {
		if canonical := http.CanonicalHeaderKey(name); canonical != name {
			headers.Remove(name)
			headers.With(map[string][]string{canonical: values})
		}
	}
}

// sessionCookie is the cookie of the option, with the session's id as its value and
// with what Node's server has by default: the path "/", HttpOnly, and SameSite=Lax. It
// is "" if the option's name is no name of a cookie.
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
