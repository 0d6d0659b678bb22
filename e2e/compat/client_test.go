package compat

import (
	"encoding/json"
	"maps"
	"strings"
)

// client is a socket of npm's socket.io-client.
type client struct {
	*stage
	name    string
	version int
	refused bool
}

// variant is a way in which npm's clients can connect.
type variant struct {
	name       string
	version    int
	transports list
}

// variants are both generations with each transport, and with the upgrade that
// they do by default.
var variants = []variant{
	{"v4 websocket", 4, list{"websocket"}},
	{"v4 polling", 4, list{"polling"}},
	{"v4 upgrade", 4, list{"polling", "websocket"}},
	{"v2 websocket", 2, list{"websocket"}},
	{"v2 polling", 2, list{"polling"}},
	{"v2 upgrade", 2, list{"polling", "websocket"}},
}

// options are a client's, as socket.io-client takes them.
type options struct {
	nsp     string // default "/"
	version int    // default 4
	members args   // default: by WebSocket
	refused bool   // it is not to get in
	series  list   // events that are numbers, one after the other: only their order is written down
	hasty   bool   // do not wait until its transport has been upgraded
}

// connect connects a client and waits until the server has greeted it. The server
// knows it by its name, which is in the query.
func (s *stage) connect(name string, o options) *client {
	s.Helper()
	c := &client{stage: s, name: name, version: o.version, refused: o.refused}
	if c.version == 0 {
		c.version = 4
	}
	if o.nsp == "" {
		o.nsp = "/"
	}
	if o.members == nil {
		o.members = args{"transports": list{"websocket"}}
	}
	members := maps.Clone(o.members)
	query, _ := members["query"].(args)
	query = maps.Clone(query)
	if query == nil {
		query = args{}
	}
	query["as"] = name
	members["query"] = query
	if s.tls {
		members["rejectUnauthorized"] = false
	}
	s.enter(c)
	result := c.do("connect", args{
		"url": s.url, "version": c.version, "nsp": o.nsp, "options": members,
		"greeted": !o.refused, "refused": o.refused, "series": o.series,
	})
	s.Cleanup(func() { startDriver(s.trial).Ask("forget", args{"name": c.id()}) })
	if s.path.exact && string(result) != "1" {
		s.Errorf("%s: it took %s attempts to connect", name, result)
	}
	if transports, _ := members["transports"].(list); len(transports) > 1 && !o.refused && !o.hasty {
		c.feels("upgrade")
	}
	return c
}

// as is a variant's way to connect.
func (v variant) as(members args) options {
	members = maps.Clone(members)
	if members == nil {
		members = args{}
	}
	members["transports"] = v.transports
	return options{version: v.version, members: members}
}

// join opens a namespace on the same connection.
func (c *client) join(name, nsp string, auth any) *client {
	c.Helper()
	joined := &client{stage: c.stage, name: name, version: c.version}
	c.enter(joined)
	joined.do("join", args{"of": c.id(), "nsp": nsp, "options": args{"auth": auth}, "greeted": true})
	c.Cleanup(func() { startDriver(c.trial).Ask("forget", args{"name": joined.id()}) })
	return joined
}

// id is the client's name in the driver, where those of all tests are.
func (c *client) id() string { return c.Name() + "/" + c.name }

func (c *client) do(op string, members args) json.RawMessage {
	c.Helper()
	with := maps.Clone(members)
	if with == nil {
		with = args{}
	}
	with["name"], with["within"] = c.id(), patience.Milliseconds()
	result, err := startDriver(c.trial).Ask(op, with)
	if err != nil {
		c.Fatalf("%s: %s: %v", c.name, op, err)
	}
	return result
}

// emit sends an event. With flags, those are its modifiers.
func (c *client) emit(event ...any) { c.Helper(); c.emitWith(nil, event...) }

func (c *client) emitWith(flags args, event ...any) {
	c.Helper()
	with := args{"args": event}
	maps.Copy(with, flags)
	c.do("emit", with)
}

// call sends an event and waits for the acknowledgement, which is written down.
func (c *client) call(event ...any) { c.Helper(); c.callWith(nil, event...) }

func (c *client) callWith(flags args, event ...any) {
	c.Helper()
	with := args{"args": event}
	maps.Copy(with, flags)
	c.do("call", with)
}

// answer says how an event is acknowledged from now on.
func (c *client) answer(event string, values ...any) {
	c.Helper()
	c.do("answer", args{"event": event, "args": append(list{}, values...)})
}

// wait waits for so many such events.
func (c *client) wait(event string, count int) {
	c.Helper()
	if string(c.do("has", args{"event": event, "count": count})) != "true" {
		c.Fatalf("%s: %d events %q have not come:\n%s", c.name, count, event, c.transcript())
	}
}

// tally waits for so many events of a series, and has their order written down.
func (c *client) tally(event string, count int) {
	c.Helper()
	c.wait(event, count)
	c.do("tally", args{"event": event})
}

// leave disconnects, and waits until both sides have seen it.
func (c *client) leave() {
	c.Helper()
	n := c.notesOf("server of " + c.name)
	n.leaves()
	c.do("disconnect", nil)
	c.feels("close")
	n.await(c.stage, "disconnect")
}

// sees waits for a line of the transcript, or for one that begins so.
func (c *client) sees(line string) {
	c.Helper()
	if string(c.do("sees", args{"line": line})) != "true" {
		c.Fatalf("%s: has not seen %q:\n%s", c.name, line, c.transcript())
	}
}

// feels does the same for a line about the engine.
func (c *client) feels(line string) {
	c.Helper()
	if string(c.do("feels", args{"line": line})) != "true" {
		c.Fatalf("%s: engine has not had %q:\n%s", c.name, line, c.transcript())
	}
}

// transcript is what the client has written down.
func (c *client) transcript() string {
	c.Helper()
	var b strings.Builder
	b.WriteString("= client " + c.name + "\n")
	for _, line := range c.lines("journal") {
		b.WriteString(line + "\n")
	}
	if c.refused {
		return b.String() // how far its engine gets is a matter of time
	}
	for _, line := range c.lines("engine") {
		b.WriteString("engine: " + line + "\n")
	}
	return b.String()
}

func (c *client) lines(op string) []string {
	c.Helper()
	var lines []string
	if err := json.Unmarshal(c.do(op, nil), &lines); err != nil {
		c.Fatal(err)
	}
	return lines
}
