package adminui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

func payload(text string) core.Payload { return core.Payload{Text: []byte(text)} }

func valid(text []byte) bool { return json.Valid(text) }

// TestMaxSockets: servers share what a page may see one by one, numbers are of all. When
// one of those that are seen goes, another one is.
func TestMaxSockets(t *testing.T) {
	t.Parallel()
	o := withPassword()
	o.MaxSockets = 6 // three of each server; the page's own namespace gets some, too
	mesh := servers(t, 2, o)
	var there []*client
	for range 8 {
		c := connect(t, mesh[1].url, "/", nil)
		mesh[1].socket(t, "/", c)
		there = append(there, c)
	}
	p := newPage(t, mesh[0])
	seen := map[string]bool{}
	all := p.await("all_sockets", nil)
	for _, c := range there {
		if has(c.id)(all) {
			seen[c.id] = true
		}
	}
	if len(seen) == 0 || len(seen) > 3 {
		t.Errorf("%d of 8 are seen", len(seen))
	}
	p.await("server_stats", func(args []any) bool {
		names, _ := member(args[0], "namespaces").([]any)
		return member(args[0], "serverId") == "node2" && slices.ContainsFunc(names, func(n any) bool { return member(n, "socketsCount") == 8.0 })
	})
	for _, c := range there {
		if seen[c.id] {
			c.close()
			p.await("socket_disconnected", starts("/", c.id))
			break
		}
	}
	p.await("socket_connected", func(args []any) bool { return member(args[0], "nsp") == "/" && !seen[member(args[0], "id").(string)] })
}

// TestForeignSockets: the list of Node servers' sockets, for which all servers are asked for
// all of theirs, is made the more rarely the more there are.
func TestForeignSockets(t *testing.T) {
	for _, c := range []struct {
		all  int
		asks int // in 200 s, of a snapshot every 5 s
	}{{0, 40}, {5000, 40}, {25_000, 10}, {105_000, 2}} {
		var list foreignList
		asks, now := 0, time.Now()
		for range 40 {
			got := list.list(now, func() ([]json.RawMessage, int) {
				asks++
				return []json.RawMessage{json.RawMessage(fmt.Sprint(asks))}, c.all
			})
			if len(got) != 1 || string(got[0]) != fmt.Sprint(asks) {
				t.Errorf("of %d sockets: %s after %d asks", c.all, got, asks)
			}
			now = now.Add(renewTime)
		}
		if asks != c.asks {
			t.Errorf("of %d sockets: asked %d times, want %d", c.all, asks, c.asks)
		}
	}
}

// TestTooManyEvents: beyond the budget events are left out, and the page gets a new
// snapshot, which is right.
func TestTooManyEvents(t *testing.T) {
	t.Parallel()
	o := withPassword()
	o.MaxEvents = 20
	mesh := servers(t, 2, o)
	c := connect(t, mesh[1].url, "/", nil)
	s := mesh[1].socket(t, "/", c)
	p := newPage(t, mesh[0])
	for i := range 100 {
		s.Join(socket.Room(fmt.Sprint("room ", i)))
	}
	p.await("all_sockets", func(args []any) bool {
		list := args[0].([]any)
		i := slices.IndexFunc(list, func(d any) bool { return member(d, "id") == c.id })
		return i >= 0 && len(member(list[i], "rooms").([]any)) == 101
	})
	if n := p.count("room_joined"); n >= 100 { // how many are left out depends on how long the joins take
		t.Errorf("%d events came", n)
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	b := budget{perSecond: 10}
	now := time.Unix(1_800_000_000, 0)
	take := func(n int) (taken int) {
		for range n {
			if b.take(now) {
				taken++
			}
		}
		return taken
	}
	if n := take(100); n != 10 {
		t.Errorf("%d at once", n)
	}
	if now = now.Add(500 * time.Millisecond); take(100) != 5 {
		t.Error("not half of them after half a second")
	}
	if now = now.Add(time.Hour); take(100) != 10 {
		t.Error("they are saved up")
	}
}

// TestPageOverflow: events that come while a page waits for its snapshot are bounded.
func TestPageOverflow(t *testing.T) {
	t.Parallel()
	p := &page{covered: map[string]uint64{}}
	for i := range 2 * maxWaiting {
		p.hold(message{Seq: uint64(i), Events: make([]event, 1)})
	}
	if len(p.waiting) > maxWaiting || !p.overflow {
		t.Errorf("%d wait", len(p.waiting))
	}
	var i inbox
	for range 2 * maxInbox {
		i.message(message{Kind: kindWatch})
		i.ask(snapshotRequest{})
	}
	if in := i.take(); len(in.messages) > maxInbox || len(in.asks) > maxInbox || !in.dropped {
		t.Errorf("%d messages, %d requests", len(in.messages), len(in.asks))
	}
}

// TestVisible: values of clients are shown within bounds, and are not changed.
func TestVisible(t *testing.T) {
	t.Parallel()
	buffer := types.NewBytesBuffer([]byte{1, 2, 3})
	loop := map[string]any{}
	loop["loop"] = loop
	for _, c := range []struct {
		value any
		want  string
	}{
		{1, `1`},
		{"<b>", `"\u003cb\u003e"`},
		{map[string]any{"a": buffer, "b": []byte{4}}, `{"a":"(binary, 3 bytes)","b":"(binary, 1 bytes)"}`},
		{loop, `"(cannot be encoded)"`},
		{panics{}, `"(cannot be encoded)"`},
		{strings.Repeat("x", maxData), `"(4098 bytes)"`},
	} {
		if got := string(visible(c.value)); got != c.want {
			t.Errorf("%.40v is shown as %s, want %s", c.value, got, c.want)
		}
	}
	if buffer.Len() != 3 {
		t.Error("a buffer was read")
	}
	event := []any{strings.Repeat("n", 10_000)}
	for range 100 {
		event = append(event, strings.Repeat("x", 1000))
	}
	if got := visibleEvent(event); len(got) > 2*maxData || !valid(got) {
		t.Errorf("an event is shown in %d bytes", len(got))
	}
	for _, bad := range [][]any{nil, {nil}, {1, 2}, {socket.Ack(nil)}} {
		if got := visibleEvent(bad); !valid(got) {
			t.Errorf("%v is shown as %s", bad, got)
		}
	}
}

// panics cannot be encoded.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no") }

// TestDescription: a handshake is shown as Node's, without secrets, within bounds.
func TestDescription(t *testing.T) {
	t.Parallel()
	headers := map[string]any{
		"Authorization": []string{"Bearer secret"}, "Cookie": []string{"sid=secret"}, "User-Agent": []string{"test"},
		"Accept": []string{"a", "b"}, "Odd": 7,
	}
	h := describeHandshake(&socket.Handshake{
		Address: "[2001:db8::1]:5000", Headers: headers, Auth: map[string]any{"token": "secret"},
		Query: map[string]any{"EIO": []string{"4"}}, Url: "/socket.io/?" + strings.Repeat("ü", 10_000),
	})
	text := string(encoded(h))
	for _, want := range []string{`"address":"2001:db8::1"`, `"user-agent":"test"`, `"accept":"a, b"`, `"cookie":"(hidden)"`, `"authorization":"(hidden)"`, `"odd":"7"`, `"query":{"EIO":"4"}`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "token") || len(text) > 2000 || strings.Contains(text, "\ufffd") {
		t.Errorf("shown as %s", text)
	}
	headers["X-Forwarded-For"] = []string{"198.51.100.7"}
	if got := describeHandshake(&socket.Handshake{Address: "127.0.0.1:1", Headers: headers}).Address; got != "198.51.100.7" {
		t.Errorf("behind a proxy: %s", got)
	}
	for i := range 1000 {
		headers[fmt.Sprint("X-", i)] = []string{strings.Repeat("v", 10_000)}
	}
	if n := len(encoded(describeHandshake(&socket.Handshake{Headers: headers}))); n > maxParameters*(maxText+40)+500 {
		t.Errorf("a thousand headers are shown in %d bytes", n)
	}
}

// TestMembers: a server that has pages counts for a while; one that never speaks is taken
// for Node's.
func TestMembers(t *testing.T) {
	t.Parallel()
	m, now := newMembers(), time.Unix(1_800_000_000, 0)
	update := func(ids ...string) (changed, ask bool) {
		now = now.Add(tick)
		return m.update(ids, now)
	}
	if changed, ask := update("b", "a"); !changed || !ask {
		t.Error("new servers are not asked")
	}
	m.spoke("a")
	for range strangerAfter - 1 {
		if changed, ask := update("a", "b"); changed || !ask || m.foreign {
			t.Error("not asked again")
		}
	}
	if _, ask := update("a", "b"); ask || !m.foreign {
		t.Error("not taken for Node's")
	}
	if m.spoke("b"); m.foreign {
		if update("a", "b"); m.foreign {
			t.Error("one that has spoken is taken for Node's")
		}
	}
	if !m.watches("a", 1, now) || m.watches("a", 2, now) {
		t.Error("it is new once")
	}
	for range 3 {
		update("a", "b")
	}
	if len(m.watching) != 1 {
		t.Error("forgotten too soon")
	}
	if update("a", "b"); len(m.watching) != 0 {
		t.Error("one that is silent still has pages")
	}
	m.watches("a", 1, now)
	if m.watches("a", 0, now); len(m.watching) != 0 {
		t.Error("one that has none any more has pages")
	}
	m.watches("b", 1, now)
	if changed, _ := update("a"); !changed || len(m.watching) != 0 || m.known["b"] {
		t.Error("one that has gone is remembered")
	}
}

// TestData: what an application attaches to sockets is shown if it says so.
func TestData(t *testing.T) {
	t.Parallel()
	for _, show := range []bool{false, true} {
		t.Run(fmt.Sprint(show), func(t *testing.T) {
			t.Parallel()
			o := withPassword()
			o.ShowData = show
			mesh := servers(t, 1, o)
			c := connect(t, mesh[0].url, "/", nil)
			s := mesh[0].socket(t, "/", c)
			s.SetData(map[string]any{"user": "ann"})
			p := newPage(t, mesh[0])
			all := p.await("all_sockets", nil)[0].([]any)
			d := all[slices.IndexFunc(all, func(d any) bool { return member(d, "id") == c.id })]
			want := any(map[string]any{})
			if show {
				want = map[string]any{"user": "ann"}
			}
			if got := member(d, "data"); !equal(got, want) {
				t.Errorf("data is shown as %v", got)
			}
			if s.SetData("other"); show {
				got := p.await("socket_updated", nil)[0]
				if want := any(map[string]any{"id": c.id, "nsp": "/", "data": "other"}); !equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			}
		})
	}
}

// TestBatches: a page gets the batches behind its snapshot once, and those alone; one that
// is missing, or has lost something, calls for a new snapshot.
func TestBatches(t *testing.T) {
	t.Parallel()
	s := plainServers(t, 1)[0]
	nsp := s.Of("/admin", nil)
	ui := newUI(s.Server, s.Adapter().(*socketio.Constructor), nsp, sessions{}, withPassword().withDefaults()) // its loop does not run
	c := connect(t, s.url, "/admin", nil)
	s.socket(t, "/admin", c)
	p := &page{id: c.id}
	ui.pages[p.id] = p
	batch := func(seq uint64) message {
		return message{Kind: kindEvents, Server: "a", From: "a#1", Seq: seq, Events: []event{newEvent("room_left", encoded(seq))}}
	}
	for seq := range uint64(4) {
		ui.received(batch(seq + 1)) // they wait
	}
	ui.deliver(gathering{pages: []string{p.id}, answers: []message{{From: "a#1", Seq: 2}}})
	ui.received(batch(5))
	if ui.resync {
		t.Error("a new snapshot is called for where nothing is missing")
	}
	c.await("room_left", starts(5.0))
	var got []any
	c.mu.Lock()
	for _, e := range c.events {
		got = append(got, e[1])
	}
	c.mu.Unlock()
	if want := []any{[]any{}, 3.0, 4.0, 5.0}; !equal(got, want) {
		t.Errorf("the page got %v, want %v", got, want)
	}
	if ui.received(batch(7)); !ui.resync {
		t.Error("a batch is missing")
	}
	ui.resync = false
	lost := batch(8)
	lost.Lost = true
	if ui.received(lost); !ui.resync {
		t.Error("events were left out")
	}
	if ui.renew(time.Now()); p.ready || ui.resync {
		t.Error("no new snapshot is asked for")
	}
}
