package rolling

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// client is a Socket.IO client over WebSocket, which keeps what numbered events it
// gets: one check for each namespace.
type client struct {
	checks map[string]*coretest.SequenceCheck
	conn   *websocket.Conn
	done   chan struct{}
}

// connect joins the namespaces of a server, and returns when it is in them.
func connect(t *testing.T, address string) *client {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+address+"/socket.io/?EIO=4&transport=websocket", http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{checks: map[string]*coretest.SequenceCheck{}, conn: conn, done: make(chan struct{})}
	for _, namespace := range namespaces {
		c.checks[namespace] = &coretest.SequenceCheck{}
		c.write(t, "40"+namespace+",")
	}
	joined := make(chan struct{}, len(namespaces))
	go c.read(joined)
	for range namespaces {
		select {
		case <-joined:
		case <-c.done:
			t.Fatal("a client was not let in")
		}
	}
	return c
}

func (c *client) write(t *testing.T, packet string) {
	t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		t.Fatal(err)
	}
}

// read takes packets in until the connection ends.
func (c *client) read(joined chan<- struct{}) {
	defer close(c.done)
	for {
		_, packet, err := c.conn.ReadMessage()
		switch {
		case err != nil:
			return
		case bytes.HasPrefix(packet, []byte("40")):
			joined <- struct{}{}
		case bytes.HasPrefix(packet, []byte("42")):
			c.event(packet[2:])
		case packet[0] == '2':
			c.conn.WriteMessage(websocket.TextMessage, []byte("3")) // read finds out if it fails
		}
	}
}

// event takes [event, args…], behind the name of its namespace and a comma if that
// is not the main one.
func (c *client) event(packet []byte) {
	i := bytes.IndexByte(packet, '[')
	namespace := "/"
	if i > 0 {
		namespace = string(packet[:i-1])
	}
	if sender, n, ok := coretest.NumberOf(core.Payload{Text: packet[i:]}); ok {
		c.checks[namespace].Take(sender, n)
	}
}

func (c *client) close() {
	c.conn.Close()
	<-c.done
}
