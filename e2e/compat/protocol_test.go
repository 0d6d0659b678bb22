package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// The cases below are those of the test suites that the protocols of Engine.IO
// (versions 4 and 3) and Socket.IO (version 5) come with: the same names, written anew
// after the protocols' texts, and without a pause in which something has to happen.
// They run against a server on the mesh, by WebSocket and HTTP alone.

// Heartbeats of the server on which they are waited for, and of the other one.
const (
	heartbeatInterval = 300 * time.Millisecond
	heartbeatTimeout  = 200 * time.Millisecond
)

// protocolServer is what the suites ask of a server: it sends back what it gets.
func protocolServer(t *testing.T, configure func(*socket.ServerOptions)) string {
	t.Helper()
	tr := &trial{t: t, ctx: t.Context()}
	o := socket.DefaultServerOptions()
	configure(o)
	if err := startMesh(tr, slog.New(slog.DiscardHandler)).Configure(o); err != nil {
		t.Fatal(err)
	}
	io := socket.NewServer(nil, o)
	for _, nsp := range []string{"/", "/custom"} {
		_ = io.Of(nsp, nil).On("connection", func(values ...any) {
			c := values[0].(*socket.Socket)
			auth := c.Handshake().Auth
			if auth == nil {
				auth = map[string]any{}
			}
			c.Emit("auth", auth)
			_ = c.On("message", func(values ...any) { c.Emit("message-back", values...) })
			_ = c.On("message-with-ack", func(values ...any) {
				values[len(values)-1].(socket.Ack)(values[:len(values)-1], nil)
			})
		})
	}
	web := httptest.NewServer(io.ServeHandler(nil))
	t.Cleanup(func() {
		io.Close(nil)
		web.CloseClientConnections()
		web.Close()
		for _, f := range slices.Backward(tr.cleanups) {
			f()
		}
	})
	return web.URL + "/socket.io/?"
}

// protocolClient speaks one version of Engine.IO, packet by packet.
type protocolClient struct {
	*testing.T
	url     string
	version int
	sid     string
	http    http.Client
	ws      *websocket.Conn
}

func (c *protocolClient) query(transport string) string {
	query := fmt.Sprintf("EIO=%d&transport=%s", c.version, transport)
	if c.sid != "" {
		query += "&sid=" + c.sid
	}
	return query
}

// request returns the status and the body.
func (c *protocolClient) request(method, query, body string) (int, string) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, c.url+query, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	response, err := c.http.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// payload puts packets together; the texts of these tests are ASCII.
func (c *protocolClient) payload(packets ...string) string {
	if c.version == 4 {
		return strings.Join(packets, "\x1e")
	}
	var b strings.Builder
	for _, p := range packets {
		fmt.Fprintf(&b, "%d:%s", len(p), p)
	}
	return b.String()
}

func (c *protocolClient) refused(method, query string) {
	c.Helper()
	if status, body := c.request(method, query, ""); status != http.StatusBadRequest {
		c.Errorf("%s %s: %d %s", method, query, status, body)
	}
}

func (c *protocolClient) polled(packets ...string) {
	c.Helper()
	want := c.payload(packets...)
	if status, body := c.request(http.MethodGet, c.query("polling"), ""); status != http.StatusOK || body != want {
		c.Fatalf("polled %d %q, not %q", status, body, want)
	}
}

// polledUntil polls until an answer ends so, and returns all: where a poll waits already,
// it takes the first packet, and the next one the others.
func (c *protocolClient) polledUntil(end string) (payload string) {
	c.Helper()
	for !strings.HasSuffix(payload, end) {
		status, body := c.request(http.MethodGet, c.query("polling"), "")
		if status != http.StatusOK {
			c.Fatal(status, body)
		}
		if payload != "" && c.version == 4 {
			payload += "\x1e"
		}
		payload += body
	}
	return payload
}

func (c *protocolClient) posted(packets ...string) {
	c.Helper()
	if status, body := c.request(http.MethodPost, c.query("polling"), c.payload(packets...)); status != http.StatusOK || body != "ok" {
		c.Fatalf("posting %q: %d %q", packets, status, body)
	}
}

// openPolling opens a session by HTTP and returns the OPEN packet.
func (c *protocolClient) openPolling() map[string]any {
	c.Helper()
	status, body := c.request(http.MethodGet, c.query("polling"), "")
	if status != http.StatusOK {
		c.Fatalf("handshake: %d %s", status, body)
	}
	if c.version == 3 {
		length, rest, _ := strings.Cut(body, ":")
		var n int
		fmt.Sscan(length, &n)
		if n > len(rest) {
			c.Fatalf("a payload shorter than it says: %q", body)
		}
		body = rest[:n]
	}
	return c.opened(body)
}

func (c *protocolClient) opened(packet string) map[string]any {
	c.Helper()
	var open map[string]any
	text, ok := strings.CutPrefix(packet, "0")
	if !ok || json.Unmarshal([]byte(text), &open) != nil {
		c.Fatalf("not an OPEN packet: %q", packet)
	}
	c.sid, _ = open["sid"].(string)
	return open
}

// dial opens a WebSocket for the session, or for a new one.
func (c *protocolClient) dial() {
	c.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(c.Context(), strings.Replace(c.url, "http", "ws", 1)+c.query("websocket"), nil)
	if err != nil {
		c.Fatal(err)
	}
	c.ws = ws
	c.Cleanup(func() { ws.Close() })
}

// openWebSocket opens a session by WebSocket.
func (c *protocolClient) openWebSocket() map[string]any {
	c.Helper()
	c.dial()
	return c.opened(c.read())
}

func (c *protocolClient) send(packets ...any) {
	c.Helper()
	for _, p := range packets {
		kind, data := websocket.TextMessage, []byte(nil)
		switch p := p.(type) {
		case string:
			data = []byte(p)
		case []byte:
			kind, data = websocket.BinaryMessage, p
		}
		if err := c.ws.WriteMessage(kind, data); err != nil {
			c.Fatal(err)
		}
	}
}

// read returns the next text that is no ping of the server.
func (c *protocolClient) read() string {
	c.Helper()
	for {
		kind, data, err := c.frame()
		if err != nil {
			c.Fatal(err)
		}
		if kind == websocket.TextMessage && string(data) != "2" {
			return string(data)
		}
		if kind != websocket.TextMessage {
			c.Fatalf("bytes %v in place of text", data)
		}
	}
}

func (c *protocolClient) frame() (int, []byte, error) {
	c.ws.SetReadDeadline(time.Now().Add(patience))
	return c.ws.ReadMessage()
}

func (c *protocolClient) wants(packets ...any) {
	c.Helper()
	for _, want := range packets {
		switch want := want.(type) {
		case string:
			if got := c.read(); got != want {
				c.Fatalf("got %q, not %q", got, want)
			}
		case []byte:
			if kind, got, err := c.frame(); err != nil || kind != websocket.BinaryMessage || !bytes.Equal(got, want) {
				c.Fatalf("got %v %v, not the bytes %v", got, err, want)
			}
		}
	}
}

// ended waits until the server has closed the WebSocket.
func (c *protocolClient) ended() {
	c.Helper()
	for {
		if _, _, err := c.frame(); err != nil {
			if strings.Contains(err.Error(), "timeout") {
				c.Fatal("the connection is not closed")
			}
			return
		}
	}
}

// closedOrRefused dials, and waits for the end if it is let in.
func (c *protocolClient) closedOrRefused(query string) {
	c.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(c.Context(), strings.Replace(c.url, "http", "ws", 1)+query, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	(&protocolClient{T: c.T, ws: ws}).ended()
}

// enter opens a session by WebSocket and enters the main namespace.
func (c *protocolClient) enter() {
	c.Helper()
	c.openWebSocket()
	c.send("40")
	c.entered("")
	c.wants(`42["auth",{}]`)
}

// entered waits for the packet that lets a socket in.
func (c *protocolClient) entered(nsp string) {
	c.Helper()
	packet := c.read()
	var handshake map[string]any
	text, ok := strings.CutPrefix(packet, "40"+nsp)
	if !ok || json.Unmarshal([]byte(text), &handshake) != nil || len(handshake) != 1 {
		c.Fatalf("not a CONNECT packet: %q", packet)
	}
	if sid, _ := handshake["sid"].(string); sid == "" {
		c.Fatalf("no sid: %q", packet)
	}
}

type protocolCase struct {
	name string
	on   serverKind
	run  func(c *protocolClient)
}

// serverKind is what the server of a case is like.
type serverKind int

const (
	usual     serverKind = iota
	beating              // heartbeats are frequent
	impatient            // who enters no namespace is soon shown out
)

// engineCases hold for both versions of Engine.IO.
var engineCases = []protocolCase{
	{"handshake/HTTP long-polling/opens a session", beating, func(c *protocolClient) { c.checkOpen(c.openPolling(), []any{"websocket"}) }},
	{"handshake/HTTP long-polling/invalid EIO", usual, func(c *protocolClient) {
		if c.version == 3 {
			return // where version 3 is allowed, whatever is not 4 is taken for it
		}
		c.refused(http.MethodGet, "transport=polling")
		c.refused(http.MethodGet, "EIO=abc&transport=polling")
	}},
	{"handshake/HTTP long-polling/invalid transport", usual, func(c *protocolClient) {
		c.refused(http.MethodGet, fmt.Sprintf("EIO=%d", c.version))
		c.refused(http.MethodGet, fmt.Sprintf("EIO=%d&transport=abc", c.version))
	}},
	{"handshake/HTTP long-polling/invalid request method", usual, func(c *protocolClient) {
		c.refused(http.MethodPost, c.query("polling"))
		c.refused(http.MethodPut, c.query("polling"))
	}},
	{"handshake/WebSocket/opens a session", beating, func(c *protocolClient) { c.checkOpen(c.openWebSocket(), []any{}) }},
	{"handshake/WebSocket/invalid EIO", usual, func(c *protocolClient) {
		if c.version == 3 {
			return
		}
		c.closedOrRefused("transport=websocket")
		c.closedOrRefused("EIO=abc&transport=websocket")
	}},
	{"handshake/WebSocket/invalid transport", usual, func(c *protocolClient) {
		c.closedOrRefused(fmt.Sprintf("EIO=%d", c.version))
		c.closedOrRefused(fmt.Sprintf("EIO=%d&transport=abc", c.version))
	}},
	{"message/HTTP long-polling/one text", usual, func(c *protocolClient) {
		c.enterPolling()
		c.posted(`42["message","hello"]`)
		c.polled(`42["message-back","hello"]`)
	}},
	{"message/HTTP long-polling/several texts", usual, func(c *protocolClient) {
		c.enterPolling()
		c.posted(`42["message",1]`, `42["message",2]`, `42["message",3]`)
		got := c.polledUntil(`3]`)
		if want := c.payload(`42["message-back",1]`, `42["message-back",2]`, `42["message-back",3]`); got != want {
			c.Errorf("got %q, not %q", got, want)
		}
	}},
	{"message/HTTP long-polling/text and bytes", usual, func(c *protocolClient) {
		c.enterPolling()
		bytes := "bAQIDBA=="
		if c.version == 3 {
			bytes = "b4AQIDBA=="
		}
		c.posted(`451-["message",{"_placeholder":true,"num":0}]`, bytes)
		if c.version == 3 { // bytes make the whole answer bytes
			if got := c.polledUntil("\x01\x02\x03\x04"); !strings.Contains(got, "message-back") {
				c.Errorf("got %q", got)
			}
			return
		}
		got := c.polledUntil(bytes)
		if want := c.payload(`451-["message-back",{"_placeholder":true,"num":0}]`, bytes); got != want {
			c.Errorf("got %q, not %q", got, want)
		}
	}},
	{"message/HTTP long-polling/invalid packet format", usual, func(c *protocolClient) {
		c.openPolling()
		// The request that brings it may be answered, or cut off.
		r, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.url+c.query("polling"), strings.NewReader("abc"))
		if err != nil {
			c.Fatal(err)
		}
		if response, err := c.http.Do(r); err == nil {
			response.Body.Close()
		}
		c.refused(http.MethodGet, c.query("polling"))
	}},
	{"message/WebSocket/text", usual, func(c *protocolClient) {
		c.enterWebSocket()
		c.send(`42["message","hello"]`)
		c.wants(`42["message-back","hello"]`)
	}},
	{"message/WebSocket/bytes", usual, func(c *protocolClient) {
		c.enterWebSocket()
		frame := []byte{1, 2, 3, 4}
		if c.version == 3 { // which marks messages there too
			frame = append([]byte{4}, frame...)
		}
		c.send(`451-["message",{"_placeholder":true,"num":0}]`, frame)
		c.wants(`451-["message-back",{"_placeholder":true,"num":0}]`, frame)
	}},
	{"message/WebSocket/invalid packet format", usual, func(c *protocolClient) {
		c.openWebSocket()
		c.send("abc")
		c.ended()
	}},
	{"heartbeat/HTTP long-polling/ping and pong", beating, func(c *protocolClient) {
		c.enterPolling()
		for range 3 {
			if c.version == 4 {
				c.polled("2")
				c.posted("3")
			} else {
				c.posted("2")
				c.polled("3")
			}
		}
	}},
	{"heartbeat/HTTP long-polling/ping timeout", beating, func(c *protocolClient) {
		c.openPolling()
		// A poll would bring the ping: the end is waited for by what changes nothing.
		for deadline := time.Now().Add(patience); ; time.Sleep(heartbeatTimeout / 4) {
			if status, _ := c.request(http.MethodPut, c.query("polling"), ""); status == http.StatusBadRequest && c.gone() {
				return
			}
			if time.Now().After(deadline) {
				c.Fatal("the session is not closed")
			}
		}
	}},
	{"heartbeat/WebSocket/ping and pong", beating, func(c *protocolClient) {
		c.enterWebSocket()
		for range 3 {
			if c.version == 4 {
				if _, data, err := c.frame(); err != nil || string(data) != "2" {
					c.Fatalf("got %q %v in place of a ping", data, err)
				}
				c.send("3")
			} else {
				c.send("2")
				c.wants("3")
			}
		}
	}},
	{"heartbeat/WebSocket/ping timeout", beating, func(c *protocolClient) {
		c.openWebSocket()
		c.ended()
	}},
	{"close/HTTP long-polling", usual, func(c *protocolClient) {
		c.enterPolling()
		poll := make(chan string, 1)
		go func() {
			status, body := c.request(http.MethodGet, c.query("polling"), "")
			poll <- fmt.Sprint(status, " ", body)
		}()
		c.posted("1")
		if got := <-poll; got != "200 "+c.payload("6") && !strings.HasPrefix(got, "400 ") {
			c.Errorf("the poll gets %q", got) // 400: it came behind the end
		}
		c.refused(http.MethodGet, c.query("polling"))
	}},
	{"close/WebSocket", beating, func(c *protocolClient) {
		c.openWebSocket()
		c.send("1")
		c.ended()
	}},
	{"upgrade/from HTTP long-polling to WebSocket", usual, func(c *protocolClient) {
		c.enterPolling()
		c.upgrade()
		c.send(`42["message","hello"]`)
		c.wants(`42["message-back","hello"]`)
	}},
	{"upgrade/HTTP requests afterwards are ignored", usual, func(c *protocolClient) {
		c.enterPolling()
		c.upgrade()
		c.send(`42["message",1]`)
		c.wants(`42["message-back",1]`)
		c.refused(http.MethodGet, c.query("polling"))
		c.send(`42["message",2]`)
		c.wants(`42["message-back",2]`)
	}},
	{"upgrade/WebSockets afterwards are ignored", usual, func(c *protocolClient) {
		c.enterPolling()
		c.upgrade()
		c.send(`42["message",1]`)
		c.wants(`42["message-back",1]`)
		c.closedOrRefused(c.query("websocket"))
		c.send(`42["message",2]`)
		c.wants(`42["message-back",2]`)
	}},
}

// socketCases are those of Socket.IO, over Engine.IO version 4.
var socketCases = []protocolCase{
	{"connect/main namespace", usual, func(c *protocolClient) { c.enter() }},
	{"connect/main namespace with a payload", usual, func(c *protocolClient) {
		c.openWebSocket()
		c.send(`40{"token":"123"}`)
		c.entered("")
		c.wants(`42["auth",{"token":"123"}]`)
	}},
	{"connect/custom namespace", usual, func(c *protocolClient) {
		c.openWebSocket()
		c.send("40/custom,")
		c.entered("/custom,")
		c.wants(`42/custom,["auth",{}]`)
	}},
	{"connect/custom namespace with a payload", usual, func(c *protocolClient) {
		c.openWebSocket()
		c.send(`40/custom,{"token":"abc"}`)
		c.entered("/custom,")
		c.wants(`42/custom,["auth",{"token":"abc"}]`)
	}},
	{"connect/unknown namespace", usual, func(c *protocolClient) {
		c.openWebSocket()
		c.send("40/random")
		c.wants(`44/random,{"message":"Invalid namespace"}`)
	}},
	{"connect/invalid handshake", usual, func(c *protocolClient) {
		c.openWebSocket()
		c.send("4abc")
		c.ended()
	}},
	{"connect/no handshake", impatient, func(c *protocolClient) {
		c.openWebSocket()
		c.ended()
	}},
	{"disconnect/main namespace", beating, func(c *protocolClient) {
		c.openWebSocket()
		c.send("40")
		c.entered("")
		c.wants(`42["auth",{}]`)
		c.send("41")
		if _, data, err := c.frame(); err != nil || string(data) != "2" { // the connection stays
			c.Errorf("got %q %v in place of a ping", data, err)
		}
	}},
	{"disconnect/custom namespace", usual, func(c *protocolClient) {
		c.enter()
		c.send("40/custom")
		c.entered("/custom,")
		c.wants(`42/custom,["auth",{}]`)
		c.send("41/custom", `42["message","message to main namespace"]`)
		c.wants(`42["message-back","message to main namespace"]`)
	}},
	{"message/plain text", usual, func(c *protocolClient) {
		c.enter()
		c.send(`42["message",1,"2",{"3":[true]}]`)
		c.wants(`42["message-back",1,"2",{"3":[true]}]`)
	}},
	{"message/binary attachments", usual, func(c *protocolClient) {
		c.enter()
		attachments := []any{[]byte{1, 2, 3}, []byte{4, 5, 6}}
		c.send(`452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		c.send(attachments...)
		c.wants(`452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		c.wants(attachments...)
	}},
	{"message/plain text with an ack", usual, func(c *protocolClient) {
		c.enter()
		c.send(`42456["message-with-ack",1,"2",{"3":[false]}]`)
		c.wants(`43456[1,"2",{"3":[false]}]`)
	}},
	{"message/binary attachments with an ack", usual, func(c *protocolClient) {
		c.enter()
		attachments := []any{[]byte{1, 2, 3}, []byte{4, 5, 6}}
		c.send(`452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		c.send(attachments...)
		c.wants(`462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		c.wants(attachments...)
	}},
	{"message/unknown packet type", usual, func(c *protocolClient) { c.enter(); c.send("4abc"); c.ended() }},
	{"message/invalid payload format", usual, func(c *protocolClient) { c.enter(); c.send("42{}"); c.ended() }},
	{"message/invalid ack id", usual, func(c *protocolClient) {
		c.enter()
		c.send(`42abc["message-with-ack",1,"2",{"3":[false]}]`)
		c.ended()
	}},
}

// checkOpen checks what an OPEN packet has.
func (c *protocolClient) checkOpen(open map[string]any, upgrades []any) {
	c.Helper()
	got, _ := open["upgrades"].([]any)
	if c.sid == "" || len(open) != 5 || !slices.Equal(got, upgrades) || got == nil ||
		open["pingInterval"] != float64(heartbeatInterval.Milliseconds()) ||
		open["pingTimeout"] != float64(heartbeatTimeout.Milliseconds()) ||
		open["maxPayload"] != 1e6 {
		c.Errorf("the OPEN packet has %v", open)
	}
}

// gone tells whether the server has forgotten the session.
func (c *protocolClient) gone() bool {
	_, body := c.request(http.MethodPut, c.query("polling"), "")
	return strings.Contains(body, "Session ID unknown")
}

// enterPolling opens a session by HTTP and enters the main namespace.
func (c *protocolClient) enterPolling() {
	c.Helper()
	c.openPolling()
	if c.version == 4 {
		c.posted("40")
	}
	for got := ""; !strings.Contains(got, "auth"); {
		status, body := c.request(http.MethodGet, c.query("polling"), "")
		if status != http.StatusOK {
			c.Fatal(status, body)
		}
		got += body
	}
}

// enterWebSocket does so by WebSocket.
func (c *protocolClient) enterWebSocket() {
	c.Helper()
	c.openWebSocket()
	if c.version == 4 {
		c.send("40")
	}
	for !strings.Contains(c.read(), "auth") {
	}
}

// upgrade changes to WebSocket. A poll that waits is ended by a NOOP packet.
func (c *protocolClient) upgrade() {
	c.Helper()
	c.dial()
	c.send("2probe")
	c.wants("3probe")
	c.polled("6")
	c.send("5")
}

func TestProtocols(t *testing.T) {
	for _, suite := range []struct {
		name    string
		version int
		cases   []protocolCase
	}{
		{"Engine.IO 4", 4, engineCases},
		{"Engine.IO 3", 3, engineCases},
		{"Socket.IO 5", 4, socketCases},
	} {
		t.Run(suite.name, func(t *testing.T) {
			var urls [3]string
			for kind := range urls {
				urls[kind] = protocolServer(t, func(o *socket.ServerOptions) {
					o.SetAllowEIO3(suite.version == 3)
					switch serverKind(kind) {
					case beating:
						o.SetPingInterval(heartbeatInterval)
						o.SetPingTimeout(heartbeatTimeout)
					case impatient:
						o.SetConnectTimeout(heartbeatInterval)
					}
				})
			}
			for _, one := range suite.cases {
				t.Run(one.name, func(t *testing.T) {
					c := &protocolClient{T: t, url: urls[one.on], version: suite.version, http: http.Client{Transport: &http.Transport{}, Timeout: patience}}
					t.Cleanup(c.http.CloseIdleConnections)
					one.run(c)
				})
			}
		})
	}
}
