package siotest

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// Client is a socket of the library's own server, and its client's WebSocket.
type Client struct {
	*socket.Socket
	conn *websocket.Conn
	t    testing.TB
}

// Connect starts a server of the library without the mesh, which is closed with the test,
// and connects a client to it.
func Connect(t testing.TB) *Client {
	t.Helper()
	io := socket.NewServer(nil, socket.DefaultServerOptions())
	listening, connected := make(chan struct{}, 1), make(chan *socket.Socket, 1)
	server := httptest.NewServer(io.ServeHandler(nil))
	_ = io.Engine().On("connection", func(...any) { listening <- struct{}{} })
	_ = io.On("connection", func(args ...any) { connected <- args[0].(*socket.Socket) })
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/socket.io/?transport=websocket&EIO=4", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		io.Close(nil)
		server.CloseClientConnections()
		server.Close()
	})
	await.Value(t, listening) // the library loses a CONNECT that comes before
	if err := conn.WriteMessage(websocket.TextMessage, []byte("40")); err != nil {
		t.Fatal(err)
	}
	return &Client{await.Value(t, connected), conn, t}
}

// Expect reads until an event comes, and compares it with event: `["name",…]`.
func (c *Client) Expect(event string) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(await.Patience))
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", event, err)
		}
		if got, ok := strings.CutPrefix(string(data), "42"); ok {
			if got != event {
				c.t.Errorf("received %s, want %s", got, event)
			}
			return
		}
	}
}
