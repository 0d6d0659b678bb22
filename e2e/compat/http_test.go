package compat

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestCookie: the answers that have the cookie of the option, and what is in it. The
// host puts one without a value into every answer; the mesh, as Node's server, one with
// the session's id into the first.
func TestCookie(t *testing.T) {
	for _, c := range []struct {
		name   string
		cookie http.Cookie
	}{
		{"plain", http.Cookie{}},
		{"named", http.Cookie{Name: "session", Path: "/app", MaxAge: 3600, SameSite: http.SameSiteStrictMode, Secure: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.ownRecord()
				s.serve(func(o *socket.ServerOptions) { cookie := c.cookie; o.SetCookie(&cookie) })
				r := s.raw("polling")
				r.get("EIO=4&transport=polling")
				session := "EIO=4&transport=polling&sid=" + r.sid
				r.post(session, "40")
				r.get(session)
				s.raw("websocket").dial("EIO=4&transport=websocket")
				r.dial("EIO=4&transport=websocket&sid=" + r.sid)
			})
		})
	}
}

// TestHeaderEvents: which answers the listeners of "initial_headers" and "headers"
// are told of, and what they add to them. The host takes every answer to polling for an
// initial one, and tells nobody of WebSockets; the mesh does as Node's server.
func TestHeaderEvents(t *testing.T) {
	run(t, func(s *stage) {
		s.ownRecord()
		s.serve(nil)
		n := s.notes("engine")
		_ = s.engine().On("initial_headers", func(values ...any) {
			n.add("initial_headers of %s %s", values[1].(*types.HttpContext).Method(), values[1].(*types.HttpContext).Query().Peek("transport"))
			values[0].(*types.ParameterBag).Set("X-Initial", "1")
		})
		_ = s.engine().On("headers", func(values ...any) {
			n.add("headers of %s %s", values[1].(*types.HttpContext).Method(), values[1].(*types.HttpContext).Query().Peek("transport"))
			values[0].(*types.ParameterBag).Set("X-Each", "1")
		})
		r := s.raw("polling")
		r.get("EIO=4&transport=polling")
		session := "EIO=4&transport=polling&sid=" + r.sid
		r.post(session, "40")
		r.get(session)
		r.dial("EIO=4&transport=websocket&sid=" + r.sid)
		s.raw("websocket").dial("EIO=4&transport=websocket")
	})
}

// TestCORS: preflights, answers to other origins, and WebSockets from there. The host
// refuses those without a word why, the mesh says so to the client and in its log.
func TestCORS(t *testing.T) {
	for _, c := range []struct {
		name string
		cors *types.Cors
	}{
		{"none", nil},
		{"any", &types.Cors{Origin: "*"}},
		{"one", &types.Cors{Origin: "https://good.example", Credentials: true, Methods: []string{"GET", "POST"}, AllowedHeaders: []string{"x-token"}, ExposedHeaders: []string{"x-seen"}, MaxAge: "600"}},
		{"pattern", &types.Cors{Origin: []any{regexp.MustCompile(`\.example$`), "https://other.test"}}},
		{"reflect", &types.Cors{Origin: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(s *stage) {
				if c.cors == nil || c.cors.Origin != "*" && c.cors.Origin != true {
					s.ownRecord()
				}
				s.warns = "WebSocket refused: the page that opens it is of another origin"
				s.serve(func(o *socket.ServerOptions) {
					if c.cors != nil {
						o.SetCors(c.cors)
					}
				})
				for _, origin := range []string{"", "https://good.example", "https://bad.test"} {
					r := s.raw("from " + origin)
					if origin != "" {
						r.header.Set("Origin", origin)
					}
					r.get("EIO=4&transport=polling")
					r.post("EIO=4&transport=polling&sid="+r.sid, "40")
					r.dial("EIO=4&transport=websocket")
					r.header.Set("Access-Control-Request-Method", "POST")
					r.header.Set("Access-Control-Request-Headers", "x-token")
					r.request(http.MethodOptions, "EIO=4&transport=polling", "")
				}
			})
		})
	}
}

// TestJSONP: old browsers poll with script elements, and send with forms.
func TestJSONP(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			_ = c.On("echo", func(values ...any) {
				n.add("echo %s", show(values...))
				c.Emit("echo", values...)
			})
		})
		r := s.raw("JSONP")
		first := idPattern.FindString(r.get("EIO=3&transport=polling&j=0"))
		s.awaitHeard(first)
		r.poll("EIO=3&transport=polling&j=0&sid="+first, "ready")
		r.sid = idPattern.FindString(r.get("EIO=3&transport=polling&j=1"))
		s.awaitHeard(r.sid)
		session := "EIO=3&transport=polling&sid=" + r.sid
		r.poll(session+"&j=2", "ready")
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
		packet := `42["echo","a \"quoted\" é & \u2028"]`
		form := url.Values{"d": {fmt.Sprintf("%d:%s", utf8.RuneCountInString(packet), packet)}}
		r.post(session+"&j=3", form.Encode())
		r.get(session + "&j=4")
		r.post(session+"&j=5", "no=data")
	})
}

// TestOtherRequests are none of the protocol's, or none that it knows. The host takes a
// payload that is none for one of no packets; with the mesh it ends the session, as with
// Node's server.
func TestOtherRequests(t *testing.T) {
	run(t, func(s *stage) {
		s.ownRecord()
		s.serve(nil)
		r := s.raw("requests")
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead, http.MethodOptions} {
			r.request(method, "EIO=4&transport=polling", "")
		}
		r.get("EIO=4&transport=polling")
		session := "EIO=4&transport=polling&sid=" + r.sid
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions} {
			r.request(method, session, "")
		}
		r.post(session, "")
		r.post(session, "x")
	})
}

// TestOverlappingPolls: two requests for packets at once are one too many.
func TestOverlappingPolls(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			_ = c.Conn().On("close", func(values ...any) { n.add("engine closed: %v", values[0]) })
		})
		r := s.raw("polling")
		r.get("EIO=4&transport=polling")
		session := "EIO=4&transport=polling&sid=" + r.sid
		r.post(session, "40")
		r.poll(session, "ready")
		r.hang(session) // the library forgets this one
		s.awaitWritable(r.sid)
		r.get(session)
		s.notesOf("server of ").await(s, "engine closed")
	})
}

// awaitWritable waits until a session can take a packet at once: by polling, until a
// request for packets has come.
func (s *stage) awaitWritable(sid string) {
	s.Helper()
	conn, ok := s.engine().Clients().Load(sid)
	if !ok {
		s.Fatal("no such session")
	}
	for deadline := time.Now().Add(patience); !conn.Transport().Writable(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatal("no request has come")
		}
	}
}
