package socketio

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/await"
)

// maskedFrame is a client's frame with a mask of zeros.
func maskedFrame(first byte, payload string) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

func closeFrame(code uint16, reason string) []byte {
	return maskedFrame(0x88, string([]byte{byte(code >> 8), byte(code)})+reason)
}

// TestBadPacketsCloseWithTheirCode: what a client must not send ends its connection, and the client is
// told by the code of RFC 6455; what it closes with itself is repeated. The application
// hears "transport error" of the one and "transport close" of the other.
func TestBadPacketsCloseWithTheirCode(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames [][]byte
		code   int
		reason string
	}{
		{"text that is not UTF-8", [][]byte{maskedFrame(0x81, "42[\"a\xff\"]")}, 1007, "transport error"},
		{"text in pieces that is not UTF-8", [][]byte{maskedFrame(0x01, "42[\"a\xc3"), maskedFrame(0x80, "\"]")}, 1007, "transport error"},
		{"reason that is not UTF-8", [][]byte{closeFrame(1000, "\xff")}, 1007, "transport error"},
		{"half a code", [][]byte{maskedFrame(0x88, "\x03")}, 1002, "transport error"},
		{"code 0", [][]byte{closeFrame(0, "")}, 1002, "transport error"},
		{"code 999", [][]byte{closeFrame(999, "")}, 1002, "transport error"},
		{"code 1005", [][]byte{closeFrame(1005, "")}, 1002, "transport error"},
		{"code 1006", [][]byte{closeFrame(1006, "")}, 1002, "transport error"},
		{"code 1015", [][]byte{closeFrame(1015, "")}, 1002, "transport error"},
		{"code 2000", [][]byte{closeFrame(2000, "")}, 1002, "transport error"},
		{"code 5000", [][]byte{closeFrame(5000, "")}, 1002, "transport error"},
		{"reserved bit", [][]byte{maskedFrame(0xa1, "2")}, 1002, "transport error"},
		{"compressed, which was not agreed upon", [][]byte{maskedFrame(0xc1, "2")}, 1002, "transport error"},
		{"no mask", [][]byte{{0x81, 0x01, '2'}}, 1002, "transport error"},
		{"close", [][]byte{maskedFrame(0x88, "")}, 1005, "transport close"},
		{"close with a code", [][]byte{closeFrame(1001, "going away")}, 1001, "transport close"},
		{"close of an application", [][]byte{closeFrame(4321, "")}, 4321, "transport close"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, lonely{})
			client, first := s.client("/") // it opens the acceptor
			_ = client
			second, direct := s.client("/")
			p, sock := s.polling()
			upgraded := p.probe()
			if got := p.get(); got != "6" {
				t.Fatal(got)
			}
			upgraded.say("5")
			await.Condition(t, "upgraded", func() bool { return sock.Conn().Upgraded() })
			for name, conn := range map[*socket.Socket]*websocket.Conn{first: client.conn, direct: second.conn, sock: upgraded.conn} {
				gone := make(chan string, 1)
				_ = name.Once("disconnect", func(args ...any) { gone <- args[0].(string) })
				if _, err := conn.NetConn().Write(slices.Concat(c.frames...)); err != nil {
					t.Fatal(err)
				}
				if got := await.Value(t, gone); got != c.reason {
					t.Errorf("%s: %s", kindOf(name), got)
				}
				if conn != upgraded.conn {
					continue // its reader has the frame
				}
				_ = conn.SetReadDeadline(time.Now().Add(await.Patience))
				if _, got, err := conn.ReadMessage(); !websocket.IsCloseError(err, c.code) {
					t.Errorf("got %q, %v, want code %d", got, err, c.code)
				}
			}
		})
	}
}

// TestDeflateOffers: a server with compression agrees to what it can keep, says so, and
// keeps it. In front of the acceptor is a client whose offer is the library's business.
func TestDeflateOffers(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetPerMessageDeflate(&types.PerMessageDeflate{Threshold: 1})
	s := serveWith(t, options, lonely{})
	s.client("/")
	for offer, want := range map[string]struct {
		answer string
		first  byte // of the next frame
	}{
		"": {"", 0x81},
		"permessage-deflate; client_max_window_bits":    {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 0xc1},
		"permessage-deflate; server_max_window_bits=10": {"", 0x81},
		"permessage-deflate; server_max_window_bits=10, permessage-deflate": {
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 0xc1},
		"permessage-deflate; server_max_window_bits=15": {
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15", 0xc1},
	} {
		header := "GET /socket.io/?transport=websocket&EIO=4 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		if offer != "" {
			header += "Sec-WebSocket-Extensions: " + offer + "\r\n"
		}
		response, in := rawRequest(t, s.http.Listener.Addr().String(), header)
		if got := strings.Join(response.Header["Sec-Websocket-Extensions"], " | "); got != want.answer {
			t.Errorf("%q: got %q, want %q", offer, got, want.answer)
		}
		if first, err := in.ReadByte(); err != nil || first != want.first {
			t.Errorf("%q: the first frame begins with %x, %v, want %x", offer, first, err, want.first)
		}
	}
}
