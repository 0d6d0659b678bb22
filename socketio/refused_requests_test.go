package socketio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/await"
)

// TestRefusals: who is turned away gets the codes and texts of Node's engine.io, and the
// server's listeners hear them.
func TestRefusals(t *testing.T) {
	const (
		upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		json    = "400 application/json "
		text    = "400 text/plain; charset=utf-8 "
	)
	options := socket.DefaultServerOptions()
	options.SetAllowRequest(func(ctx *types.HttpContext) error {
		switch {
		case ctx.Query().Has("forbidden"):
			return errors.New("not <you>")
		case ctx.Query().Has("silently"):
			return errors.New("")
		}
		return nil
	})
	s := serveWith(t, options, lonely{})
	events := make(chan string, 10)
	_ = s.Engine().On("connection_error", func(args ...any) {
		e := args[0].(*types.ErrorMessage)
		event := fmt.Sprint(e.Code, " ", e.Message)
		for _, key := range slices.Sorted(maps.Keys(e.Context)) {
			event += fmt.Sprintf(" %s=%v", key, e.Context[key])
		}
		if e.Req == nil {
			event += " without a request"
		}
		events <- event
	})
	p, sock := s.polling() // opens the acceptor
	s.Engine().Use(func(ctx *types.HttpContext, next func(error)) {
		if ctx.Query().Has("middleware") {
			next(errors.New("no"))
			return
		}
		next(nil)
	})
	_, direct := s.client("/")
	sid, directSid := sock.Conn().Id(), direct.Conn().Id()
	long := strings.Repeat("x", 100)
	for _, c := range []struct{ request, header, answer, event string }{
		{"GET EIO=4&transport=carrier", "", json + `{"code":0,"message":"Transport unknown"}`, "0 Transport unknown transport=carrier"},
		{"GET EIO=4&transport=carrier", upgrade, text + "Transport unknown", "0 Transport unknown transport=carrier"},
		{"GET EIO=4", "", json + `{"code":0,"message":"Transport unknown"}`, "0 Transport unknown transport="},
		{"GET EIO=4&transport=webtransport", "", json + `{"code":0,"message":"Transport unknown"}`, "0 Transport unknown transport=webtransport"},
		{"GET EIO=4&transport=polling&sid=unknown", "", json + `{"code":1,"message":"Session ID unknown"}`, "1 Session ID unknown sid=unknown"},
		{"GET EIO=4&transport=polling&sid=" + long, "", json + `{"code":1,"message":"Session ID unknown"}`, "1 Session ID unknown sid=" + long},
		{"GET EIO=4&transport=polling&sid=%20%22", "", json + `{"code":1,"message":"Session ID unknown"}`, `1 Session ID unknown sid= "`},
		{"POST EIO=4&transport=polling&sid=unknown", "Content-Length: 0\r\n", json + `{"code":1,"message":"Session ID unknown"}`, "1 Session ID unknown sid=unknown"},
		{"GET EIO=4&transport=websocket&sid=unknown", upgrade, text + "Session ID unknown", "1 Session ID unknown sid=unknown"},
		{"POST EIO=4&transport=polling", "Content-Length: 0\r\n", json + `{"code":2,"message":"Bad handshake method"}`, "2 Bad handshake method method=POST"},
		{"POST EIO=4&transport=websocket", upgrade, text + "Bad handshake method", "2 Bad handshake method method=POST"},
		{"GET EIO=4&transport=websocket", "", json + `{"code":3,"message":"Bad request"}`, "3 Bad request name=TRANSPORT_HANDSHAKE_ERROR"},
		{"GET EIO=4&transport=websocket&sid=" + directSid, "", json + `{"code":3,"message":"Bad request"}`, "3 Bad request name=TRANSPORT_HANDSHAKE_ERROR"},
		{"GET EIO=4&transport=websocket&sid=" + sid, "", json + `{"code":3,"message":"Bad request"}`, "3 Bad request name=TRANSPORT_MISMATCH previousTransport=polling transport=websocket"},
		{"GET EIO=4&transport=polling&sid=" + directSid, "", json + `{"code":3,"message":"Bad request"}`, "3 Bad request name=TRANSPORT_MISMATCH previousTransport=websocket transport=polling"},
		{"GET EIO=3&transport=polling&sid=" + sid, "", json + `{"code":3,"message":"Bad request"}`, "3 Bad request name=PROTOCOL_MISMATCH previousProtocol=4 protocol=3"},
		{"GET EIO=3&transport=websocket&sid=" + sid, upgrade, text + "Bad request", "3 Bad request name=PROTOCOL_MISMATCH previousProtocol=4 protocol=3"},
		{"GET EIO=4&transport=polling&middleware=1", "", json + `{"code":3,"message":"Bad request"}`, "3 Bad request name=MIDDLEWARE_FAILURE"},
		{"GET EIO=4&transport=websocket&middleware=1", upgrade, text + "Bad request", "3 Bad request name=MIDDLEWARE_FAILURE"},
		{"GET EIO=4&transport=websocket", strings.Replace(upgrade, "13", "12", 1), json + `{"code":3,"message":"Bad request"}`,
			"3 Bad request error=websocket: unsupported version: 13 not found in 'Sec-Websocket-Version' header name=UPGRADE_FAILURE"},
		{"GET EIO=4&transport=websocket", strings.Replace(upgrade, "==", "", 1), json + `{"code":3,"message":"Bad request"}`,
			"3 Bad request error=websocket: not a websocket handshake: 'Sec-WebSocket-Key' header must be Base64 encoded value of 16-byte in length name=UPGRADE_FAILURE"},
		{"GET EIO=4&transport=polling&forbidden=1", "", `403 application/json {"code":4,"message":"not <you>"}`, "4 Forbidden message=not <you>"},
		{"GET EIO=4&transport=polling&silently=1", "", `403 application/json {"code":4,"message":"Forbidden"}`, "4 Forbidden message="},
		{"GET EIO=4&transport=websocket&forbidden=1", upgrade, text + "not <you>", "4 Forbidden message=not <you>"},
		{"GET EIO=4&transport=websocket", "Origin: http://evil\r\n" + upgrade, text + "Origin not allowed",
			"4 Forbidden host=x message=Origin not allowed name=ORIGIN_NOT_ALLOWED origin=http://evil"},
		{"GET EIO=3&transport=polling", "", json + `{"code":5,"message":"Unsupported protocol version"}`, "5 Unsupported protocol version protocol=3"},
		{"GET transport=polling", "", json + `{"code":5,"message":"Unsupported protocol version"}`, "5 Unsupported protocol version protocol=3"},
		{"GET EIO=3&transport=websocket", upgrade, text + "Unsupported protocol version", "5 Unsupported protocol version protocol=3"},
	} {
		method, query, _ := strings.Cut(c.request, " ")
		header := method + " /socket.io/?" + query + " HTTP/1.1\r\nHost: x\r\n" + c.header
		if got := request(t, s.http.Listener.Addr().String(), header); got != c.answer {
			t.Errorf("%s\ngot  %s\nwant %s", header, got, c.answer)
		}
		if got := await.Value(t, events); got != c.event {
			t.Errorf("%s\ngot  %s\nwant %s", header, got, c.event)
		}
	}
	if sock.Emit("still here"); p.get() != `42["still here"]` {
		t.Error("the client was hurt")
	}
}

// rawRequest sends a request on a connection of its own, which is closed at the test's end,
// and returns the response with what follows its header.
func rawRequest(t *testing.T, addr, header string) (*http.Response, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(await.Patience))
	if _, err := io.WriteString(conn, header+"\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return response, in
}

// request sends a request and returns the status and what follows the header.
func request(t *testing.T, addr, header string) string {
	t.Helper()
	response, in := rawRequest(t, addr, header)
	if response.StatusCode == http.StatusSwitchingProtocols {
		frame, _ := io.ReadAll(in)
		return fmt.Sprintf("%d %q", response.StatusCode, frame)
	}
	body, _ := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s %s", response.StatusCode, response.Header.Get("Content-Type"), body)
}
