package polling

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

const closed = "close forced close, <nil>"

// TestKicked: what was sent before the server hangs up comes in answers of its own,
// and the end of the connection in the one after that.
func TestKicked(t *testing.T) {
	for _, version := range []string{"EIO=4", "EIO=3&b64=1"} {
		t.Run(version, func(t *testing.T) {
			inBubble(t, nil, func(h *host) {
				s := h.connect(version)
				first := s.poll()
				synctest.Wait()
				s.say("a", "b", "c")
				s.Close(false)
				s.say("too late")
				h.wantNoted("")
				second := s.poll()
				synctest.Wait()
				if got := s.ReadyState(); got != "closing" {
					t.Errorf("closed too early: %s", got)
				}
				third := s.poll()
				if version == "EIO=4" {
					h.want("first poll", first, "200 4a")
					h.want("second poll", second, "200 4b\x1e4c")
					h.want("third poll", third, "200 6\x1e1")
				} else {
					h.want("first poll", first, "200 2:4a")
					h.want("second poll", second, "200 2:4b2:4c")
					h.want("third poll", third, "200 1:61:1")
				}
				h.wantNoted(closed)
				h.want("fourth poll", s.poll(), `400 {"code":1,"message":"Session ID unknown"}`)
			})
		})
	}
}

// TestKickedWhilePolling: an engine socket with nothing to send tells the open poll.
func TestKickedWhilePolling(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		poll := s.poll()
		synctest.Wait()
		s.Close(false)
		h.want("poll", poll, "200 1")
		h.wantNoted(closed)
	})
}

// TestKickedAndSilent: a client that polls no more is closed all the same.
func TestKickedAndSilent(t *testing.T) {
	inBubble(t, func(o *config.ServerOptions) { o.SetPingInterval(time.Hour) }, func(h *host) {
		s := h.connect("EIO=4")
		s.Close(false)
		time.Sleep(transports.DefaultPollingCloseTimeout - time.Second)
		h.wantNoted("")
		time.Sleep(2 * time.Second)
		h.wantNoted(closed)
	})
}

// TestNextPollEndsAClosingSocket: an engine socket that closes waits for its packets to be taken,
// and misses it if a poll takes them at that moment. The next poll ends it.
func TestNextPollEndsAClosingSocket(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		s.Socket.(interface{ SetReadyState(string) }).SetReadyState("closing")
		h.want("poll", s.poll(), "200 1")
		h.wantNoted(closed)
	})
}

// TestClosingWhileOffered: an engine socket that is closed at once, just when it is asked
// what it has for a poll, has the client told so in that poll. It would poll again else, and
// take the refusal for an error.
func TestClosingWhileOffered(t *testing.T) {
	for _, discard := range []bool{true, false} {
		inBubble(t, nil, func(h *host) {
			s := h.connect("EIO=4")
			_ = s.Transport().Once("ready", func(...any) { s.Close(discard) })
			h.want("poll", s.poll(), "200 6\x1e1")
			h.wantNoted(closed)
			h.want("next poll", s.poll(), `400 {"code":1,"message":"Session ID unknown"}`)
		})
	}
}

// TestServerCloses: open polls are answered at once.
func TestServerCloses(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		var polls []*exchange
		for range 3 {
			polls = append(polls, h.connect("EIO=4").poll())
		}
		between := h.connect("EIO=4")
		synctest.Wait()
		h.Server.Close()
		for i, poll := range polls {
			h.want(fmt.Sprint("poll ", i), poll, "200 1")
		}
		h.want("client between polls", between.poll(), `400 {"code":1,"message":"Session ID unknown"}`)
		h.noted()
	})
}

// TestPollBehindAnAnswer sends a poll at the worst moment: when the client has the
// answer to the last one, and the server does not know that yet.
func TestPollBehindAnAnswer(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		first := s.poll()
		var second *exchange
		first.mu.Lock()
		first.written = func() {
			second = s.poll()
			time.Sleep(time.Second)
		}
		first.mu.Unlock()
		synctest.Wait()
		s.say("one")
		time.Sleep(2 * time.Second)
		s.say("two")
		h.want("first poll", first, "200 4one")
		h.want("second poll", second, "200 4two")
	})
}

// TestOverlap: two polls at once, or two data requests, are one too many.
func TestOverlap(t *testing.T) {
	t.Run("polls", func(t *testing.T) {
		inBubble(t, nil, func(h *host) {
			s := h.connect("EIO=4")
			first := s.poll()
			synctest.Wait()
			h.want("second poll", s.poll(), "400 ")
			h.want("first poll", first, "200 1")
			h.wantNoted("close transport error, transport failure: overlap from client (" + errOverlap.Error() + ")")
		})
	})
	t.Run("data", func(t *testing.T) {
		inBubble(t, nil, func(h *host) {
			s := h.connect("EIO=4")
			body, writer := io.Pipe()
			first := s.request(http.MethodPost, s.query, body)
			synctest.Wait()
			h.want("second request", s.post("4a"), "400 ")
			<-first.past // it is interrupted
			writer.CloseWithError(errors.New("deadline"))
			h.want("first request", first, "400 ")
			h.wantNoted("close transport error, transport failure: data request overlap from client (" + errPostOverlap.Error() + ")")
		})
	})
}

// TestClientGoes ends the session, in the middle of a poll or of a data request.
func TestClientGoes(t *testing.T) {
	t.Run("poll", func(t *testing.T) {
		inBubble(t, nil, func(h *host) {
			s := h.connect("EIO=4")
			poll := s.poll()
			synctest.Wait()
			poll.cancel()
			h.wantNoted("close transport error, transport failure: poll connection closed prematurely (" + errGone.Error() + ")")
			<-poll.done
		})
	})
	t.Run("data", func(t *testing.T) {
		inBubble(t, nil, func(h *host) {
			s := h.connect("EIO=4")
			body, writer := io.Pipe()
			post := s.request(http.MethodPost, s.query, body)
			_, _ = io.WriteString(writer, "4ha")
			writer.CloseWithError(io.ErrUnexpectedEOF)
			h.want("request", post, "400 ")
			h.wantNoted("close transport error, transport failure: data request connection closed prematurely (unexpected EOF)")
		})
	})
}

// TestTooLarge: the client gets 413, on whichever request it waits for, and the server
// hears why.
func TestTooLarge(t *testing.T) {
	for name, c := range map[string]struct {
		body  io.Reader
		cause string
	}{
		"announced": {strings.NewReader(strings.Repeat("x", 1001)), "request too large: 1001 bytes are announced, 1000 are allowed"},
		"in chunks": {io.MultiReader(strings.NewReader(strings.Repeat("x", 1001))), "request too large: more than the 1000 bytes that are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(h *host) {
				s := h.connect("EIO=4")
				poll := s.poll()
				synctest.Wait()
				h.want("request", s.request(http.MethodPost, s.query, c.body), "413 ")
				h.want("poll", poll, "413 ")
				h.wantNoted("connection_error 3 PAYLOAD_TOO_LARGE " + c.cause + "; close transport error, transport failure: payload too large (" + c.cause + ")")
			})
		})
	}
	t.Run("as large as may be", func(t *testing.T) {
		inBubble(t, nil, func(h *host) {
			s := h.connect("EIO=4")
			h.want("request", s.request(http.MethodPost, s.query, io.MultiReader(strings.NewReader("4"+strings.Repeat("x", 999)))), "200 ok")
			h.wantNoted("data " + strings.Repeat("x", 999))
		})
	})
}

// TestKickedByData: a client that is hung up on because of what it sends gets an answer
// to that, as the sending has come to an end.
func TestKickedByData(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		_ = s.Once("data", func(...any) { s.Close(true) })
		post := s.post("4hang up")
		h.want("request", post, "200 ok")
		h.wantNoted("data hang up; " + closed)
		select {
		case <-post.past:
			t.Error("the request was interrupted, though it had come as a whole")
		default:
		}
	})
}

// TestDataBehindAnAnswer sends data when the client has the answer to the last request,
// and the server does not know that yet.
func TestDataBehindAnAnswer(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		body, writer := io.Pipe()
		first := s.request(http.MethodPost, s.query, body)
		var second *exchange
		first.mu.Lock()
		first.written = func() {
			second = s.post("4two")
			<-second.done
		}
		first.mu.Unlock()
		_, _ = io.WriteString(writer, "4one")
		writer.Close()
		h.want("first request", first, "200 ok")
		h.want("second request", second, "200 ok")
		h.wantNoted("data one; data two")
	})
}

// TestClosedInTheMiddleOfData: what has not come as a whole is not waited for.
func TestClosedInTheMiddleOfData(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		body, writer := io.Pipe()
		post := s.request(http.MethodPost, s.query, body)
		_, _ = io.WriteString(writer, "4ha")
		s.Close(true)
		<-post.past
		writer.CloseWithError(errors.New("deadline"))
		h.want("request", post, "400 ")
		h.wantNoted(closed)
	})
}

// TestClientCloses: its packet ends the session, and its poll.
func TestClientCloses(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		poll := s.poll()
		synctest.Wait()
		h.want("request", s.post("4last\x1e1\x1e4too late"), "200 ok")
		h.want("poll", poll, "200 6")
		h.wantNoted("data last; close transport close, <nil>")
	})
}

// TestParseErrors: what has come before a mistake is taken, and then the session ends.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ query, body, noted string }{
		{"EIO=4", "", "close parse error, <nil>"},
		{"EIO=4", "x", "close parse error, <nil>"},
		{"EIO=4", "4one\x1ex\x1e4two", "data one; close parse error, <nil>"},
		{"EIO=4", "4one\x1e\x1e4two", "data one; close parse error, <nil>"},
		{"EIO=4", "4one\x1e", "data one; close parse error, <nil>"},
		{"EIO=4", "b!", "close parse error, <nil>"},
		{"EIO=3", "", "close parse error, <nil>"},
		{"EIO=3", "4:4one9:4two", "data one; close parse error, <nil>"},
		{"EIO=3", "4:4onex:4two", "data one; close parse error, <nil>"},
		{"EIO=3", "4one", "close parse error, <nil>"},
		{"EIO=3", "4:4one4:xtwo", "data one; close parse error, <nil>"},
	} {
		t.Run(c.query+" "+c.body, func(t *testing.T) {
			inBubble(t, nil, func(h *host) {
				s := h.connect(c.query)
				h.want("request", s.post(c.body), "200 ok")
				h.wantNoted(c.noted)
			})
		})
	}
}

// TestOtherRequests are refused, and do no harm but for one that breaks the protocol.
func TestOtherRequests(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4")
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodHead} {
			h.want(method, s.request(method, s.query, nil), "500 ")
		}
		h.want("data", s.post("4a"), "200 ok")
		h.wantNoted("data a")
		h.want("bytes", s.request(http.MethodPost, s.query, strings.NewReader("a"), "Content-Type", "application/octet-stream"), "400 ")
		h.wantNoted("close transport error, transport failure: invalid content (" + errContent.Error() + ")")
	})
}

// TestFastPong: a client answers a ping before the engine socket has begun to wait for
// that. It is not given up.
func TestFastPong(t *testing.T) {
	inBubble(t, func(o *config.ServerOptions) {
		o.SetPingInterval(10 * time.Second)
		o.SetPingTimeout(5 * time.Second)
	}, func(h *host) {
		s := h.connect("EIO=4")
		beat := make(chan struct{}, 1)
		_ = s.On("heartbeat", func(...any) { beat <- struct{}{} })
		// The engine socket tells of a packet that is on its way; then it sets its timer.
		_ = s.On("drain", func(...any) {
			select {
			case <-beat:
			case <-time.After(20 * time.Millisecond):
			}
		})
		poll := s.poll()
		<-poll.done
		h.want("poll", poll, "200 2")
		h.want("pong", s.post("3"), "200 ok")
		time.Sleep(9 * time.Second) // the next ping is later
		h.wantNoted("")
	})
}

// TestJSONP: answers are calls of a function, and newlines come escaped.
func TestJSONP(t *testing.T) {
	inBubble(t, nil, func(h *host) {
		s := h.connect("EIO=4&j=7")
		poll := s.request(http.MethodGet, s.query+"&j=7", nil)
		synctest.Wait()
		s.say(`a"b`)
		h.want("poll", poll, `200 ___eio[7]("4a\"b");`)
		form := url.Values{"d": {`4one\ntwo\\nthree`}}
		h.want("data", s.post(form.Encode()), "200 ok")
		h.want("no data", s.post("x=y"), "200 ok")
		h.wantNoted("data one\ntwo\\nthree")
		h.want("no form", s.post("d=%zz"), "200 ok")
		h.wantNoted(`close transport error, transport failure: jsonp read error (invalid URL escape "%zz")`)
	})
}

// TestHeaders: the cookie is in the first answer only, with the session's id; the
// engine's listeners are told of each answer, and of the first one twice.
func TestHeaders(t *testing.T) {
	inBubble(t, func(o *config.ServerOptions) { o.SetCookie(&http.Cookie{Name: "sid", MaxAge: 60}) }, func(h *host) {
		for _, event := range []types.EventName{"initial_headers", "headers"} {
			_ = h.On(event, func(args ...any) {
				headers, ctx := args[0].(*types.ParameterBag), args[1].(*types.HttpContext)
				h.note("%s of %s, cookie %q", event, ctx.Method(), headers.Peek("Set-Cookie"))
				headers.Set("X-"+string(event), "1")
			})
		}
		first := h.request(http.MethodGet, "EIO=4", nil)
		first.answer()
		var sid string
		h.Clients().Range(func(id string, _ engine.Socket) bool { sid = id; return true })
		cookie := fmt.Sprintf(`sid=%s; Path=/; Max-Age=60; HttpOnly; SameSite=Lax`, sid)
		if got := first.Header(); got.Get("Set-Cookie") != cookie || got.Get("X-initial_headers") != "1" || got.Get("X-headers") != "1" {
			t.Errorf("first answer: %v, want the cookie %s", got, cookie)
		}
		h.wantNoted(fmt.Sprintf("initial_headers of GET, cookie %q; headers of GET, cookie %q", cookie, cookie))
		post := h.request(http.MethodPost, "EIO=4&sid="+sid, strings.NewReader("4a"))
		post.answer()
		if got := post.Header(); got.Get("X-headers") != "1" || got.Get("Set-Cookie") != "" || got.Get("Cache-Control") != "no-store" {
			t.Errorf("second answer: %v", got)
		}
		h.wantNoted(`headers of POST, cookie ""`)
	})
}

func TestSessionCookie(t *testing.T) {
	for _, c := range []struct {
		option http.Cookie
		want   string
	}{
		{http.Cookie{}, "io=a%20b; Path=/; HttpOnly; SameSite=Lax"},
		{http.Cookie{Name: "s", Path: "/app", Domain: "example.com", MaxAge: 3600, Secure: true, SameSite: http.SameSiteStrictMode},
			"s=a%20b; Path=/app; Domain=example.com; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"},
		{http.Cookie{SameSite: http.SameSiteDefaultMode, Value: "mine"}, "io=a%20b; Path=/; HttpOnly; SameSite=Lax"},
		{http.Cookie{SameSite: http.SameSiteNoneMode, Secure: true, Partitioned: true}, "io=a%20b; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"},
		{http.Cookie{Name: "no name"}, ""},
	} {
		if got := sessionCookie(c.option, "a b"); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.option, got, c.want)
		}
	}
}
