package socketio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestRefusals: who is turned away gets from the door the answer that the library
// gives, and the server's listeners hear the same.
func TestRefusals(t *testing.T) {
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	requests := []string{
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n" + strings.Replace(upgrade, "13", "12", 1),
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\n" + upgrade,
		"GET /socket.io/?EIO=4&transport=websocket&sid=unknown HTTP/1.1\r\nHost: x\r\n" + upgrade,
		"GET /socket.io/?EIO=4&transport=carrier HTTP/1.1\r\nHost: x\r\n" + upgrade,
		"GET /socket.io/?EIO=3&transport=websocket HTTP/1.1\r\nHost: x\r\n" + upgrade,
		"GET /socket.io/?EIO=4&transport=websocket&forbidden=1 HTTP/1.1\r\nHost: x\r\n" + upgrade,
		"GET /socket.io/?EIO=4&transport=websocket&middleware=1 HTTP/1.1\r\nHost: x\r\n" + upgrade,
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n",
		"GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: x\r\n",
		"GET /socket.io/?EIO=4&transport=polling&forbidden=1 HTTP/1.1\r\nHost: x\r\n",
		"GET /socket.io/?EIO=4&transport=polling&middleware=1 HTTP/1.1\r\nHost: x\r\n",
		"GET /socket.io/?EIO=4&transport=polling&sid=unknown HTTP/1.1\r\nHost: x\r\n",
		"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n",
	}
	var answers [2][]string
	for i, library := range []bool{true, false} {
		options := socket.DefaultServerOptions()
		options.SetAllowRequest(func(ctx *types.HttpContext) error {
			if ctx.Query().Has("forbidden") {
				return errors.New("not you")
			}
			return nil
		})
		s := serveWith(t, options, lonely{}, WithDelivery(Delivery{Library: library}))
		events := make(chan string, 10)
		_ = s.Engine().On("connection_error", func(args ...any) {
			e := args[0].(*types.ErrorMessage)
			events <- fmt.Sprint(e.CodeMessage, e.Context["name"], e.Context["sid"], e.Context["protocol"], e.Context["message"], e.Req != nil)
		})
		refuse := func(ctx *types.HttpContext, next func(error)) {
			if ctx.Query().Has("middleware") {
				next(errors.New("no"))
				return
			}
			next(nil)
		}
		s.client("/") // opens the door
		s.Engine().Use(refuse)
		for _, header := range requests {
			answers[i] = append(answers[i], request(t, s.http.Listener.Addr().String(), header)+" | "+within(t, events))
		}
	}
	for i, header := range requests {
		if answers[0][i] != answers[1][i] {
			t.Errorf("%s\nlibrary: %s\ndoor:    %s", header, answers[0][i], answers[1][i])
		}
	}
	if slices.Contains(answers[1], "") {
		t.Error("no answer")
	}
}

// request sends a request and returns the status and what follows the header.
func request(t *testing.T, addr, header string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, header+"\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		frame, _ := io.ReadAll(in)
		return fmt.Sprintf("%d %q", response.StatusCode, frame)
	}
	body, _ := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s %q", response.StatusCode, response.Header.Get("Content-Type"), body)
}
