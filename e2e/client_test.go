package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// within is how long clients wait for what they are asked to wait for, in ms.
const within = 20_000

// driver is the process of all clients. It is started with the first one.
var driver struct {
	once sync.Once
	*process
	err error
}

var clientNames atomic.Int64

func stopDriver() {
	if driver.process == nil {
		return
	}
	driver.Kill()
	if text := driver.Log.Tail(); text != "" {
		fmt.Printf("clients: %s", text)
	}
}

// client is a socket of npm's socket.io-client.
type client struct {
	name   string
	sid    string
	server *server
}

// connect connects a client to a namespace. Options are {transports, auth, query}.
func connect(t *testing.T, s *server, nsp string, options args) *client {
	t.Helper()
	driver.once.Do(func() { driver.process, driver.err = launch("clients", "node", "node/client.js") })
	if driver.err != nil {
		t.Fatal(driver.err)
	}
	c := &client{name: fmt.Sprintf("client %d of %s", clientNames.Add(1), s.name), server: s}
	c.sid, _ = c.do(t, "connect", with(options, args{"url": s.url, "nsp": nsp})).(string)
	t.Cleanup(func() { driver.ask("forget", args{"name": c.name}) })
	return c
}

func (c *client) do(t *testing.T, op string, members args) any {
	t.Helper()
	return driver.do(t, op, with(members, args{"name": c.name, "within": within}))
}

func (c *client) emit(t *testing.T, event ...any) {
	t.Helper()
	c.do(t, "emit", args{"args": event})
}

// call emits and returns the arguments of the acknowledgement.
func (c *client) call(t *testing.T, event ...any) list {
	t.Helper()
	return c.do(t, "call", args{"args": event}).([]any)
}

func (c *client) join(t *testing.T, rooms ...string) {
	t.Helper()
	c.call(t, "join", rooms)
}

// answer says how the client acknowledges an event from now on. Events it was not
// told of are not acknowledged.
func (c *client) answer(t *testing.T, event string, values ...any) {
	t.Helper()
	c.do(t, "answer", args{"event": event, "args": append(list{}, values...)})
}

// wait returns the arguments of all such events once there are count.
func (c *client) wait(t *testing.T, event string, count int) list {
	t.Helper()
	got := c.do(t, "wait", args{"event": event, "count": count}).([]any)
	if len(got) < count {
		t.Fatalf("%s: %d of %d events %q: %s", c.name, len(got), count, event, short(asJSON(got)))
	}
	return got
}

// has waits for count such events. It reports whether they have come.
func (c *client) has(t *testing.T, event string, count int) bool {
	t.Helper()
	return c.do(t, "has", args{"event": event, "count": count}).(bool)
}

// received is what the client has got behind the first events, [event, args…]
// each.
func (c *client) received(t *testing.T, from int) list {
	t.Helper()
	return c.do(t, "received", args{"from": from}).([]any)
}

// gone waits until the client is disconnected, and returns the reason.
func (c *client) gone(t *testing.T) any {
	t.Helper()
	return c.do(t, "gone", nil)
}
