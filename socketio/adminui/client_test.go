package adminui

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/internal/await"
)

// client is a Socket.IO client over WebSocket, in one namespace.
type client struct {
	t      testing.TB
	conn   *websocket.Conn
	prefix string // of its packets: "" or "/admin,"
	id     string // of its socket
	opened chan string
	done   chan struct{}

	mu     sync.Mutex // of writing, and of what follows
	events [][]any
	more   chan struct{} // closed when there is another event
	ended  bool
}

// dial connects to a namespace. The refusal is "" if the client was let in.
func dial(t testing.TB, url, namespace string, auth any) (c *client, refused string) {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/socket.io/?transport=websocket&EIO=4", nil)
	if err != nil {
		t.Fatal(err)
	}
	c = &client{t: t, conn: conn, opened: make(chan string, 1), done: make(chan struct{}), more: make(chan struct{})}
	if namespace != "/" {
		c.prefix = namespace + ","
	}
	go c.read()
	t.Cleanup(c.close)
	text := []byte{}
	if auth != nil {
		if text, err = json.Marshal(auth); err != nil {
			t.Fatal(err)
		}
	}
	c.write("40" + c.prefix + string(text))
	answer := await.Value(t, c.opened)
	var body struct{ Sid, Message string }
	if err := json.Unmarshal([]byte(answer[2+len(c.prefix):]), &body); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	c.id = body.Sid
	return c, body.Message
}

// connect is dial for a client that is let in.
func connect(t testing.TB, url, namespace string, auth any) *client {
	t.Helper()
	c, refused := dial(t, url, namespace, auth)
	if refused != "" {
		t.Fatalf("%s: refused: %s", namespace, refused)
	}
	return c
}

func (c *client) read() {
	defer close(c.done)
	defer c.tell(func() { c.ended = true })
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		switch packet := string(data); {
		case packet == "2":
			c.write("3")
		case strings.HasPrefix(packet, "40"+c.prefix), strings.HasPrefix(packet, "44"+c.prefix):
			c.opened <- packet
		case strings.HasPrefix(packet, "41"+c.prefix):
			return
		case strings.HasPrefix(packet, "42"+c.prefix):
			var event []any
			if err := json.Unmarshal(data[2+len(c.prefix):], &event); err != nil {
				c.t.Errorf("%.200s: %v", packet, err)
				return
			}
			c.tell(func() { c.events = append(c.events, event) })
		}
	}
}

// tell changes what callers of await look at.
func (c *client) tell(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.more)
	c.more = make(chan struct{})
}

func (c *client) close() {
	_ = c.conn.Close()
	<-c.done
}

func (c *client) write(packet string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.WriteMessage(websocket.TextMessage, []byte(packet))
}

// emit sends an event.
func (c *client) emit(event ...any) {
	c.t.Helper()
	text, err := json.Marshal(event)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write("42" + c.prefix + string(text))
}

// await waits for an event that fits, and returns its arguments.
func (c *client) await(name string, fits func(args []any) bool) []any {
	c.t.Helper()
	deadline := time.After(await.Patience)
	for seen := 0; ; {
		c.mu.Lock()
		events, more, ended := c.events, c.more, c.ended
		c.mu.Unlock()
		for ; seen < len(events); seen++ {
			if e := events[seen]; e[0] == name && (fits == nil || fits(e[1:])) {
				return e[1:]
			}
		}
		if ended {
			c.t.Fatalf("the connection ended without %s", name)
		}
		select {
		case <-more:
		case <-deadline:
			c.t.Fatalf("%s never came; there came %.2000s", name, fmt.Sprint(events))
		}
	}
}

// over tells whether the page's socket has ended.
func (c *client) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// count is how many events of that name have come.
func (c *client) count(name string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if e[0] == name {
			n++
		}
	}
	return n
}

// starts tells whether arguments begin with these.
func starts(want ...any) func([]any) bool {
	return func(args []any) bool {
		return len(args) >= len(want) && reflect.DeepEqual(args[:len(want)], want)
	}
}

// member is a member of a JSON object, by its path.
func member(value any, path ...string) any {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}
