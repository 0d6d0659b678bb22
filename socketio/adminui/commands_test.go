package adminui

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio"
)

// TestCommands: what a page asks for happens on all servers.
func TestCommands(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 2, withPassword())
	p := newPage(t, mesh[0])
	var clients []*client
	var there []*socket.Socket
	for _, s := range mesh {
		c := connect(t, s.url, "/", nil)
		clients, there = append(clients, c), append(there, s.socket(t, "/", c))
	}
	in := func(i int, room socket.Room) func() bool {
		return func() bool { return there[i].Rooms().Has(room) }
	}
	out := func(i int, room socket.Room) func() bool { return func() bool { return !in(i, room)() } }

	p.emit("join", "/", "one", clients[1].id)
	await.Condition(t, "one socket joins", in(1, "one"))
	if in(0, "one")() {
		t.Error("the other one has joined")
	}
	p.emit("join", "/", "all", nil)
	await.Condition(t, "all join", func() bool { return in(0, "all")() && in(1, "all")() })
	p.emit("leave", "/", "all", clients[0].id)
	await.Condition(t, "one leaves", out(0, "all"))
	p.emit("leave", "/", "one")
	await.Condition(t, "all leave", out(1, "one"))
	p.emit("emit", "/", "all", "hello", "you", 1)
	clients[1].await("hello", starts("you", 1.0))
	p.emit("emit", "/", nil, "hello", "everybody")
	clients[0].await("hello", starts("everybody"))
	if clients[0].count("hello") != 1 {
		t.Error("an event came to those who are not in its room")
	}
	p.emit("_disconnect", "/", false, "all")
	p.await("socket_disconnected", starts("/", clients[1].id, "server namespace disconnect"))
	await.Condition(t, "its client is told", clients[1].over)
	p.emit("_disconnect", "/", true, clients[0].id)
	await.Condition(t, "the connection is closed", clients[0].over)
}

// TestElsewhere: a page acts in a namespace that its own server does not have.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 2, withPassword())
	c := connect(t, mesh[1].url, "/", nil)
	mesh[1].Of("/elsewhere", nil)
	e := connect(t, mesh[1].url, "/elsewhere", nil)
	s := mesh[1].socket(t, "/elsewhere", e)
	p := newPage(t, mesh[0])
	if all := p.await("all_sockets", nil); !has(e.id)(all) || !has(c.id)(all) {
		t.Errorf("the page does not see its sockets: %v", all)
	}
	p.emit("join", "/elsewhere", "room", e.id)
	await.Condition(t, "it joins", func() bool { return s.Rooms().Has("room") })
	p.await("room_joined", starts("/elsewhere", "room", e.id))
	p.emit("emit", "/elsewhere", "room", "hello", 1)
	e.await("hello", starts(1.0))
	p.emit("_disconnect", "/elsewhere", false, "room")
	await.Condition(t, "it is disconnected", e.over)
	for _, open := range mesh[0].ui.server.Namespaces() {
		if open.Name == "/elsewhere" {
			t.Error("the page has made a namespace")
		}
	}
}

// TestReadOnly: pages are refused what they ask for, whatever they show.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	o := withPassword()
	o.ReadOnly = true
	mesh := servers(t, 2, o)
	c := connect(t, mesh[0].url, "/", nil)
	s := mesh[0].socket(t, "/", c)
	p := newPage(t, mesh[0])
	if got := member(p.await("config", nil)[0], "supportedFeatures"); !equal(got, []any{"AGGREGATED_EVENTS", "ALL_EVENTS"}) {
		t.Errorf("features: %v", got)
	}
	p.emit("join", "/", "room", c.id)
	p.emit("emit", "/", nil, "hello")
	p.emit("_disconnect", "/", true, c.id)
	// Nor does a server that may only be looked at take commands from others.
	mesh[1].ui.send(message{Kind: kindCommand, Command: &command{Name: joinCommand, Namespace: "/", Room: "room"}})
	answered := make(chan struct{})
	go func() { // behind the other server's message, in its order
		defer close(answered)
		_, _ = socketio.Of(mesh[1].ui.nsp).ServerSideEmitWithAck(context.Background(), message{Kind: kindSnapshot, Server: "node2", From: "test"}.sent()).Wait()
	}()
	ends(t, answered)
	p.emit("_disconnect", "/admin", false, p.id) // the page's own words are handled in order: not obeyed, either
	c.emit("mark")
	p.await("event_received", starts("/", c.id, []any{"mark"}))
	if s.Rooms().Has("room") || !s.Connected() || c.count("hello") > 0 || p.over() {
		t.Error("a page that may only look has acted")
	}
}

// TestBadCommands: whatever a page sends, nothing happens, and its server goes on.
func TestBadCommands(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 1, withPassword())
	c := connect(t, mesh[0].url, "/", nil)
	p := newPage(t, mesh[0])
	deep := any("x")
	for range 200 {
		deep = []any{deep}
	}
	values := []any{nil, "", "/", "/nowhere", 1, true, []any{}, map[string]any{}, deep, strings.Repeat("x", 10_000), "\x00", "constructor", "<script>"}
	for _, name := range []string{"emit", "join", "leave", "_disconnect"} {
		p.emit(name)
		for _, a := range values {
			p.emit(name, a)
			for _, b := range values {
				if a == any("/") { // a good one would be obeyed
					b = 7
				}
				p.emit(name, a, b)
			}
		}
	}
	p.emit("emit", "/", nil, "disconnect", "reserved")
	p.emit("emit", "/", nil, 1)
	p.emit("join", "/", "last", c.id)
	s := mesh[0].socket(t, "/", c)
	await.Condition(t, "the last command", func() bool { return s.Rooms().Has("last") })
	if rooms := s.Rooms().Len(); rooms != 2 {
		t.Errorf("it is in %d rooms", rooms)
	}
}

func TestReadCommand(t *testing.T) {
	t.Parallel()
	ack := socket.Ack(func([]any, error) {})
	for _, c := range []struct {
		name string
		args []any
		want command
	}{
		{"join", []any{"/", "r", "id"}, command{Name: "join", Namespace: "/", Room: "r", Of: "id"}},
		{"join", []any{"/", "r", nil, ack}, command{Name: "join", Namespace: "/", Room: "r"}},
		{"leave", []any{"/n", "r", ""}, command{Name: "leave", Namespace: "/n", Room: "r"}},
		{"_disconnect", []any{"/", true}, command{Name: "_disconnect", Namespace: "/", Close: true}},
		{"emit", []any{"/", "r", "e", 1.0, ack}, command{Name: "emit", Namespace: "/", Of: "r", Event: []byte(`["e",1]`)}},
	} {
		got, err := readCommand(c.name, c.args)
		if err != nil || !equal(got, c.want) {
			t.Errorf("%s %v: %+v, %v", c.name, c.args, got, err)
		}
	}
	for _, args := range [][]any{nil, {"/"}, {"/", "r", 1}, {"", "r"}, {"/", ""}, {"/", strings.Repeat("x", maxRoomName+1), "e"}, {"/", nil, "connect"}} {
		for _, name := range []string{"join", "emit", "_disconnect", "other"} {
			if c, err := readCommand(name, args); err == nil {
				t.Errorf("%s %v is taken for %+v", name, args, c)
			}
		}
	}
}

// TestBadMessages: what other servers send may be anything.
func TestBadMessages(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 2, withPassword())
	p := newPage(t, mesh[0])
	other := socketio.Of(mesh[1].ui.nsp)
	for _, text := range []string{
		`[]`, `["mesh:adminui"]`, `["mesh:adminui",null]`, `["mesh:adminui",7]`, `["mesh:adminui",{"kind":"events"}]`,
		`["mesh:adminui","{"]`, `["mesh:adminui","{}"]`, `["mesh:adminui","[]"]`,
		`["mesh:adminui","{\"kind\":\"nonsense\",\"server\":\"x\",\"from\":\"y\"}"]`,
		`["mesh:adminui","{\"kind\":\"command\",\"server\":\"x\",\"from\":\"y\"}"]`,
		`["mesh:adminui","{\"kind\":\"command\",\"server\":\"x\",\"from\":\"y\",\"command\":{\"name\":\"emit\",\"nsp\":\"/\"}}"]`,
		`["mesh:adminui","{\"kind\":\"events\",\"server\":\"x\",\"from\":\"y\",\"seq\":1,\"events\":[{\"name\":\"session\",\"args\":[1]}]}"]`,
		`["mesh:adminui","{\"kind\":\"events\",\"server\":\"x\",\"from\":\"y\",\"seq\":1,\"events\":[{\"name\":\"room_left\",\"args\":{}}]}"]`,
		`["mesh:adminui","{\"kind\":\"events\",\"server\":\"x\",\"from\":\"y\",\"seq\":1,\"events\":[{\"name\":\"room_left\",\"args\":[ ]}]}"]`,
	} {
		other.ServerSideEmit(payload(text))
	}
	other.ServerSideEmit(message{Kind: kindEvents, Server: "node2", From: "test", Seq: 1, Events: []event{newEvent("room_left", quoted("the last one"))}}.sent())
	p.await("room_left", starts("the last one"))
	if p.count("session") != 1 || p.count("room_left") != 1 {
		t.Error("bad messages were passed on")
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add(`{"kind":"events","server":"a","from":"b","seq":1,"events":[{"name":"room_left","args":["/","r"]}]}`)
	f.Add(`{"kind":"watch","server":"a","from":"b","pages":-1}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := readMessage(text)
		if err != nil {
			return
		}
		for _, e := range m.Events {
			if p := e.payload(); !valid(p.Text) || !slices.Contains(pageEvents, e.Name) {
				t.Errorf("%s becomes %s", text, p.Text)
			}
		}
		if again, err := readMessage(m.text()); err != nil || again.Kind != m.Kind {
			t.Errorf("%s is not read again: %v", m.text(), err)
		}
	})
}

func ends(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(await.Patience):
		t.Fatal("never ended")
	}
}
