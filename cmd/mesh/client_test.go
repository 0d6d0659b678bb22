package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// client is a Socket.IO client of bare frames: what it knows of the protocol is
// in this file. One goroutine uses it.
type client struct {
	t       *testing.T
	conn    *websocket.Conn
	nextAck int
	seen    [][]json.RawMessage // events that came while something else was awaited
	skipped [][]json.RawMessage // events of other names that came while one was awaited
}

// dial connects a client, as a page, to the server with this page. It waits for
// the server's first event: the Socket.IO server may take one that comes right
// behind its answer for an error.
func dial(t *testing.T, page string) *client {
	t.Helper()
	c := connect(t, page, `{"page":true}`)
	c.readUntil("the first state", func(frame string) bool { return strings.HasPrefix(frame, `42["state"`) })
	return c
}

// dialPlain connects a client that is no page.
func dialPlain(t *testing.T, page string) *client {
	t.Helper()
	return connect(t, page, "")
}

// connect tries until the server has let the client in: it may miss the request
// of one that is very fast, and leave it without an answer.
func connect(t *testing.T, page, auth string) *client {
	t.Helper()
	url := strings.Replace(page, "http://", "ws://", 1) + "/socket.io/?EIO=4&transport=websocket"
	for range 10 {
		conn, _, err := websocket.DefaultDialer.Dial(url, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: t, conn: conn}
		c.readUntil("the open packet", func(frame string) bool { return strings.HasPrefix(frame, "0{") })
		c.write("40" + auth)
		conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		if _, frame, err := conn.ReadMessage(); err == nil && strings.HasPrefix(string(frame), "40{") {
			t.Cleanup(func() { conn.Close() })
			return c
		}
		conn.Close()
	}
	t.Fatalf("%s does not let anybody connect", page)
	return nil
}

// emit sends an event.
func (c *client) emit(args ...any) {
	c.t.Helper()
	c.write("42" + encode(c.t, args))
}

// ask sends an event and returns the first value of the acknowledgement.
func (c *client) ask(args ...any) json.RawMessage {
	c.t.Helper()
	id := strconv.Itoa(c.nextAck)
	c.nextAck++
	c.write("42" + id + encode(c.t, args))
	var answer []json.RawMessage
	c.readUntil(fmt.Sprintf("the answer to %v", args), func(frame string) bool {
		values, ok := strings.CutPrefix(frame, "43"+id)
		return ok && json.Unmarshal([]byte(values), &answer) == nil
	})
	if len(answer) == 0 {
		return nil
	}
	return answer[0]
}

// wait returns the argument of the next event of this name for which want holds.
// What came before it is skipped.
func (c *client) wait(event string, want func(json.RawMessage) bool) json.RawMessage {
	c.t.Helper()
	take := func(e []json.RawMessage) bool {
		return len(e) > 1 && string(e[0]) == strconv.Quote(event) && (want == nil || want(e[1]))
	}
	for {
		for len(c.seen) > 0 {
			e := c.seen[0]
			c.seen = c.seen[1:]
			if take(e) {
				return e[1]
			}
			c.skipped = append(c.skipped, e)
		}
		c.readUntil("event "+event, func(string) bool { return len(c.seen) > 0 })
	}
}

// ended tells whether the server has closed the connection, or does so soon.
func (c *client) ended() bool {
	c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			late, ok := errors.AsType[net.Error](err)
			return !ok || !late.Timeout()
		}
	}
}

// readUntil reads frames until one is it. It answers pings, and keeps events in
// c.seen.
func (c *client) readUntil(what string, is func(frame string) bool) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", what, err)
		}
		frame := string(data)
		if frame == "2" {
			c.write("3")
			continue
		}
		c.keep(frame)
		if is(frame) {
			return
		}
	}
}

// keep puts an event aside, with the id of the acknowledgement it wants cut off.
func (c *client) keep(frame string) {
	event, ok := strings.CutPrefix(frame, "42")
	if !ok {
		return
	}
	id := event[:strings.IndexByte(event, '[')]
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(event[len(id):]), &args); err != nil {
		c.t.Fatalf("frame %q: %v", frame, err)
	}
	if string(args[0]) == `"question"` && id != "" {
		c.write("43" + id + `[{"name":"test","server":"test"}]`)
	}
	c.seen = append(c.seen, args)
}

func (c *client) write(frame string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		c.t.Fatal(err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
