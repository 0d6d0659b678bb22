package adminui

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// TestPage: a page sees the sockets of all servers, and what happens to them.
func TestPage(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 3, withPassword())
	var there []*client
	for _, s := range mesh {
		c := connect(t, s.url, "/", nil)
		s.socket(t, "/", c).Join("old room")
		there = append(there, c)
	}
	p := newPage(t, mesh[0])

	config := p.await("config", nil)
	if got, want := config[0], any(map[string]any{"supportedFeatures": []any{"EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT", "AGGREGATED_EVENTS", "ALL_EVENTS"}}); !equal(got, want) {
		t.Errorf("config is %v, want %v", got, want)
	}
	all := p.await("all_sockets", nil)
	for i, c := range there {
		if !has(c.id)(all) {
			t.Errorf("the socket of server %d is not in %v", i, all)
		}
	}
	d := all[0].([]any)[slices.IndexFunc(all[0].([]any), func(d any) bool { return member(d, "id") == there[2].id })]
	for path, want := range map[string]any{
		"nsp": "/", "transport": "websocket", "handshake.address": "127.0.0.1", "handshake.secure": false,
		"handshake.query.EIO": "4", "handshake.headers.user-agent": "Go-http-client/1.1",
	} {
		if got := member(d, strings.Split(path, ".")...); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if got := member(d, "rooms"); !equal(got, []any{there[2].id, "old room"}) && !equal(got, []any{"old room", there[2].id}) {
		t.Errorf("its rooms are %v", got)
	}
	for _, s := range mesh {
		p.await("server_stats", func(args []any) bool {
			names, _ := member(args[0], "namespaces").([]any)
			return member(args[0], "serverId") == s.id && slices.ContainsFunc(names, func(n any) bool {
				return member(n, "name") == "/" && member(n, "socketsCount") == 1.0
			})
		})
	}

	newcomer := connect(t, mesh[1].url, "/", nil)
	p.await("socket_connected", func(args []any) bool { return member(args[0], "id") == newcomer.id })
	p.await("room_joined", starts("/", newcomer.id, newcomer.id)) // its own room
	s := mesh[1].socket(t, "/", newcomer)
	s.Join("new room")
	p.await("room_joined", starts("/", "new room", newcomer.id))
	s.Leave("new room")
	p.await("room_left", starts("/", "new room", newcomer.id))
	newcomer.emit("question", "how", 1)
	p.await("event_received", starts("/", newcomer.id, []any{"question", "how", 1.0}))
	mesh[2].To(socket.Room(newcomer.id)).Emit("answer", "so")
	p.await("event_sent", starts("/", newcomer.id, []any{"answer", "so"}))
	newcomer.close()
	at := p.await("socket_disconnected", starts("/", newcomer.id))[3]
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", at.(string)); err != nil {
		t.Error(err)
	}
}

// TestNobodyLooks: sockets have no listeners of the UI's before a page comes, and after
// the last one has gone, on any server.
func TestNobodyLooks(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 2, withPassword())
	var there []*socket.Socket
	for _, s := range mesh {
		there = append(there, s.socket(t, "/", connect(t, s.url, "/", nil)))
	}
	heard := func() bool {
		return slices.ContainsFunc(there, func(s *socket.Socket) bool {
			return len(s.ListenersAnyOutgoing())+len(s.ListenersAny())+s.ListenerCount("disconnect") > 0
		})
	}
	if heard() {
		t.Error("there are listeners before anybody looks")
	}
	p := newPage(t, mesh[0])
	if !heard() {
		t.Error("there are no listeners while a page looks")
	}
	p.close()
	await.Condition(t, "no listeners", func() bool { return !heard() })
	for _, s := range mesh {
		if n := s.Sockets().Adapter().ListenerCount("join-room"); n > 0 {
			t.Errorf("%d listeners of rooms are left", n)
		}
		if n := len(s.Sockets().Listeners("connect")); n > 1 { // the mesh's own
			t.Errorf("%d listeners of the namespace are left", n)
		}
	}
}

// TestProduction: pages get numbers, and nothing is taken from the fast path.
func TestProduction(t *testing.T) {
	t.Parallel()
	o := withPassword()
	o.Mode = Production
	mesh := servers(t, 2, o)
	s := mesh[1].socket(t, "/", connect(t, mesh[1].url, "/", nil))
	p := connect(t, mesh[0].url, "/admin", credentials())
	if got := member(p.await("config", nil)[0], "supportedFeatures").([]any); slices.Contains(got, "ALL_EVENTS") {
		t.Errorf("features: %v", got)
	}
	for _, s := range mesh {
		p.await("server_stats", func(args []any) bool { return member(args[0], "serverId") == s.id })
	}
	if n := len(s.ListenersAnyOutgoing()) + len(s.ListenersAny()); n > 0 {
		t.Errorf("%d listeners", n)
	}
	s.Join("room")
	p.emit("join", "/", "other room", string(s.Id()))
	await.Condition(t, "the page's command", func() bool { return s.Rooms().Has("other room") })
	for _, name := range []string{"all_sockets", "room_joined", "socket_connected"} {
		if p.count(name) > 0 {
			t.Errorf("the page got %s", name)
		}
	}
}

// TestCounts: numbers say what has happened since the last ones.
func TestCounts(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 1, withPassword())
	p := newPage(t, mesh[0])
	p.await("server_stats", nil)
	c := connect(t, mesh[0].url, "/", nil)
	mesh[0].socket(t, "/", c)
	c.emit("hello", strings.Repeat("x", 1000))
	var kinds []any
	bytes := 0.0
	p.await("server_stats", func(args []any) bool {
		for _, e := range member(args[0], "aggregatedEvents").([]any) {
			kinds = append(kinds, member(e, "type"))
			if member(e, "type") == "bytesIn" {
				bytes += member(e, "count").(float64)
			}
			if at := int64(member(e, "timestamp").(float64)); at%1000 != 0 || time.Since(time.UnixMilli(at)) > time.Minute {
				t.Errorf("timestamp %d", at)
			}
		}
		for _, kind := range []any{"rawConnection", "packetsIn", "bytesIn", "packetsOut", "bytesOut"} {
			if !slices.Contains(kinds, kind) {
				return false
			}
		}
		return bytes > 1000
	})
}

// TestServersComeAndGo: a page learns of the sockets of a server that comes, and does not
// keep those of one that has gone.
func TestServersComeAndGo(t *testing.T) {
	t.Parallel()
	mesh := plainServers(t, 2)
	mesh[0].instrument(t, withPassword())
	p := newPage(t, mesh[0])
	c := connect(t, mesh[1].url, "/", nil)
	mesh[1].socket(t, "/", c)
	mesh[1].instrument(t, withPassword())
	p.await("all_sockets", has(c.id))
	mesh[1].Server.Close(nil)
	p.await("all_sockets", func(args []any) bool { return p.count("all_sockets") > 2 && !has(c.id)(args) })
}

func TestClose(t *testing.T) {
	t.Parallel()
	mesh := servers(t, 1, withPassword())
	p := newPage(t, mesh[0])
	if _, err := Instrument(mesh[0].Server, withPassword()); !errors.Is(err, ErrInstrumented) {
		t.Errorf("a second time: %v", err)
	}
	mesh[0].ui.Close()
	mesh[0].ui.Close()
	await.Condition(t, "the page is disconnected", p.over)
	if _, refused := dial(t, mesh[0].url, "/admin", credentials()); refused != notAvailable {
		t.Errorf("a page gets %q", refused)
	}
	mesh[0].instrument(t, withPassword())
	newPage(t, mesh[0])
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := withPassword()
	for field, change := range map[string]func(*Options){
		"Username":        func(o *Options) { *o = Options{} },
		"PasswordHash":    func(o *Options) { o.PasswordHash = "changeit" },
		"NoAuth":          func(o *Options) { o.NoAuth = true },
		"SessionKey":      func(o *Options) { o.SessionKey = "short" },
		"SessionLifetime": func(o *Options) { o.SessionLifetime = -1 },
		"Namespace":       func(o *Options) { o.Namespace = "admin" },
		"Mode":            func(o *Options) { o.Mode = "prod" },
		"MaxSockets":      func(o *Options) { o.MaxSockets = -1 },
		"MaxEvents":       func(o *Options) { o.MaxEvents = -1 },
	} {
		o := good
		change(&o)
		var bad *core.ConfigError
		if err := o.Validate(); !errors.As(err, &bad) || bad.Field != "adminui.Options."+field {
			t.Errorf("%s: %v", field, err)
		} else if field == "PasswordHash" && strings.Contains(err.Error(), "changeit") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	_, err := Instrument(socket.NewServer(nil, socket.DefaultServerOptions()), good)
	if err == nil || !strings.Contains(err.Error(), "Configure") {
		t.Errorf("a server without a mesh: %v", err)
	}
	if _, err := Instrument(nil, good); err == nil {
		t.Error("no server is no error")
	}
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
