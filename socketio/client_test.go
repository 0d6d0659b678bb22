package socketio

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/internal/await"
)

// client is a Socket.IO client of protocol revision 5 over WebSocket, just enough
// to see what is on the wire.
type client struct {
	t      testing.TB
	conn   *websocket.Conn
	frames chan frame // all but Engine.IO's own
	done   chan struct{}
	mu     sync.Mutex                          // of writing
	other  atomic.Pointer[func(packet string)] // what to do about the Engine.IO packets left
}

// frame is a WebSocket message: text without Engine.IO's "4", or bytes.
type frame struct {
	binary bool
	data   string
}

func text(s string) frame   { return frame{data: s} }
func binary(s string) frame { return frame{binary: true, data: s} }

// dial opens a connection, in which no namespace is joined yet.
func (s *server) dial(query string) *client {
	s.t.Helper()
	return s.dialWith(websocket.DefaultDialer, query)
}

func (s *server) dialWith(dialer *websocket.Dialer, query string) *client {
	s.t.Helper()
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?transport=websocket&"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &client{t: s.t, conn: conn, frames: make(chan frame, 100_000), done: make(chan struct{})}
	go c.read()
	s.t.Cleanup(c.close)
	// The library invites clients before it listens, and loses a CONNECT that
	// comes in between.
	await.Value(s.t, s.listening)
	return c
}

func (c *client) read() {
	defer close(c.done)
	defer close(c.frames)
	for {
		kind, data, err := c.conn.ReadMessage()
		switch {
		case err != nil:
			return
		case kind == websocket.BinaryMessage:
			c.frames <- binary(string(data))
		case data[0] == '2':
			_ = c.write(websocket.TextMessage, "3")
		case data[0] == '4':
			c.frames <- text(string(data[1:]))
		case data[0] != '0' && c.other.Load() != nil:
			(*c.other.Load())(string(data))
		}
	}
}

func (c *client) close() {
	_ = c.conn.Close()
	<-c.done
}

// send writes a packet, and its attachments.
func (c *client) send(packet string, attachments ...string) {
	c.t.Helper()
	if err := c.write(websocket.TextMessage, "4"+packet); err != nil {
		c.t.Error(err)
	}
	for _, a := range attachments {
		if err := c.write(websocket.BinaryMessage, a); err != nil {
			c.t.Error(err)
		}
	}
}

func (c *client) write(kind int, data string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn.WriteMessage(kind, []byte(data))
}

// connect joins a namespace, and returns the socket's id. prefix is "" for the
// main namespace, or as "/chat,".
func (c *client) connect(prefix string) string {
	c.t.Helper()
	c.send("0" + prefix)
	answer := c.next()
	body, ok := strings.CutPrefix(answer.data, "0"+prefix)
	var connect struct{ Sid string }
	if err := json.Unmarshal([]byte(body), &connect); err != nil || !ok {
		c.t.Fatalf("got %q on CONNECT", answer.data)
	}
	return connect.Sid
}

func (c *client) next() frame {
	c.t.Helper()
	return await.Value(c.t, c.frames)
}

// expect checks the next frames.
func (c *client) expect(frames ...frame) {
	c.t.Helper()
	for _, want := range frames {
		if got := c.next(); got != want {
			c.t.Fatalf("got  %.200q\nwant %.200q", got.data, want.data)
		}
	}
}

// packetID cuts the id out of an acknowledged event, "2/nsp,12[…]".
func packetID(t testing.TB, packet, prefix string) (id, args string) {
	t.Helper()
	id, args, ok := cutID(packet, prefix)
	if !ok {
		t.Fatalf("%q is no acknowledged event", packet)
	}
	return id, args
}

func cutID(packet, prefix string) (id, args string, ok bool) {
	rest, ok := strings.CutPrefix(packet, prefix)
	i := strings.IndexByte(rest, '[')
	if !ok || i < 1 {
		return "", "", false
	}
	return rest[:i], rest[i:], true
}
