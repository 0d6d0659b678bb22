package wsaccept

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core/coretest"
)

// TestOrigins: who may open a WebSocket, with the option Cors and without.
func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		origin, host string
		cors         *types.Cors
		allowed      bool
	}{
		{"", "example.com", nil, true},
		{"http://example.com", "example.com", nil, true},
		{"https://Example.com", "example.COM", nil, true},
		{"http://example.com:3000", "example.com:3000", nil, true},
		{"https://example.com", "example.com:443", nil, true},
		{"http://example.com:80", "example.com", nil, true},
		{"http://[::1]", "[::1]:80", nil, true},
		{"http://[::1]:3000", "[::1]:3000", nil, true},
		{"https://example.com", "example.com:80", nil, false},
		{"http://example.com:3000", "example.com", nil, false},
		{"http://example.com", "example.com:3000", nil, false},
		{"http://evil.com", "example.com", nil, false},
		{"http://example.com.evil.com", "example.com", nil, false},
		{"http://example.com@evil.com", "example.com", nil, false},
		{"null", "example.com", nil, false},
		{"file://", "", nil, false},
		{"http://%zz", "example.com", nil, false},
		{"http://other.com", "example.com", &types.Cors{}, false},
		{"http://other.com", "example.com", &types.Cors{Origin: "http://other.com"}, true},
		{"http://other.com", "example.com", &types.Cors{Origin: "*"}, true},
		{"http://other.com", "example.com", &types.Cors{Origin: []any{"http://this.com"}}, false},
		{"http://example.com", "example.com", &types.Cors{Origin: "http://other.com"}, false},
	} {
		var log coretest.Log
		o := origins{logger: log.Logger()}
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = c.host
		r.Header.Set("X-Forwarded-Host", "evil.com") // which anybody can write
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		ctx := types.NewHttpContext(httptest.NewRecorder(), r)
		code, context := o.verify(ctx, c.cors)
		ctx.Flush()
		if code == nil != c.allowed || c.allowed != (log.String() == "") {
			t.Errorf("from %q to %q, %+v: %v, %v, log %q", c.origin, c.host, c.cors, code, context, log.String())
		}
		if !c.allowed && (context["origin"] != c.origin || context["host"] != c.host || context["name"] != "ORIGIN_NOT_ALLOWED") {
			t.Errorf("from %q to %q: %v", c.origin, c.host, context)
		}
	}
}

// TestOriginsAreLogged: once each, with what to do about it, and not without end.
func TestOriginsAreLogged(t *testing.T) {
	var log coretest.Log
	o := origins{logger: log.Logger()}
	refuse := func(origin string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "example.com"
		r.Header.Set("Origin", origin)
		ctx := types.NewHttpContext(httptest.NewRecorder(), r)
		defer ctx.Flush()
		if code, _ := o.verify(ctx, nil); code == nil {
			t.Fatalf("%s is let in", origin)
		}
	}
	refuse("http://page")
	refuse("http://page")
	first := log.String()
	for _, part := range []string{"WARN", "origin=http://page", "host=example.com", "SetCors"} {
		if strings.Count(first, part) != 1 {
			t.Errorf("%q is not there once: %s", part, first)
		}
	}
	for i := range 10 * loggedOrigins {
		refuse(fmt.Sprintf("http://page%d%s", i, strings.Repeat("x", 10*loggedOrigin)))
	}
	if lines := strings.Count(log.String(), "\n"); lines != loggedOrigins+1 {
		t.Errorf("%d lines for many origins, want %d", lines, loggedOrigins+1)
	}
	if size := len(log.String()); size > loggedOrigins*(2*loggedOrigin+500) {
		t.Errorf("%d bytes", size)
	}
	if len(o.refused) != loggedOrigins {
		t.Errorf("%d origins are kept", len(o.refused))
	}
}
