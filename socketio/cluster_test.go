package socketio

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

func TestBroadcastAcrossServers(t *testing.T) { onEachMesh(t, 3, broadcastAcrossServers) }

func broadcastAcrossServers(t *testing.T, s []*server) {
	c1, s1 := s[0].client("/", "r")
	c2, s2 := s[1].client("/", "r")
	c3, _ := s[2].client("/", "other")

	s[0].Emit("all", 1)
	for _, c := range []*client{c1, c2, c3} {
		c.expect(text(`2["all",1]`))
	}
	_ = s[1].To("r").Emit("room", []byte("b"))
	for _, c := range []*client{c1, c2} {
		c.expect(text(`51-["room",{"_placeholder":true,"num":0}]`), binary("b"))
	}
	_ = s[2].Except("r", socket.Room(s1.Id())).Emit("except")
	c3.expect(text(`2["except"]`))
	_ = s2.Broadcast().Emit("others")
	c1.expect(text(`2["others"]`))
	c3.expect(text(`2["others"]`))
	_ = s[2].To(socket.Room(s1.Id())).Emit("direct")
	c1.expect(text(`2["direct"]`))
	_ = s[0].Local().Emit("local")
	c1.expect(text(`2["local"]`))

	s[0].Emit("end")
	for _, c := range []*client{c1, c2, c3} {
		c.expect(text(`2["end"]`))
	}
	if n := s[0].Sockets().Adapter().ServerCount(); n != 3 {
		t.Errorf("%d servers, want 3", n)
	}
}

func TestOrderAcrossServers(t *testing.T) { onEachMesh(t, 2, orderAcrossServers) }

func orderAcrossServers(t *testing.T, s []*server) {
	c, _ := s[1].client("/")
	const n = 2_000
	for i := range n {
		s[0].Emit("e", i)
	}
	for i := range n {
		c.expect(text(fmt.Sprintf(`2["e",%d]`, i)))
	}
}

func TestFetchSocketsAcrossServers(t *testing.T) { onEachMesh(t, 2, fetchSocketsAcrossServers) }

func fetchSocketsAcrossServers(t *testing.T, s []*server) {
	_, s1 := s[0].client("/", "r")
	c2 := s[1].dial("EIO=4&a=1&m=x&m=y")
	c2.send(`0{"token":"t"}`)
	c2.next()
	var s2 *socket.Socket
	s[1].Sockets().Sockets().Range(func(_ socket.SocketId, sock *socket.Socket) bool { s2 = sock; return false })
	s2.Join("r")
	type live struct{ n int }
	s1.SetData(&live{7})
	s2.SetData(map[string]any{"n": 1, "blob": []any{[]byte("x")}})

	found := map[socket.SocketId]*socket.RemoteSocket{}
	for _, r := range fetch(t, s[0].In("r")) {
		found[r.Id()] = r
	}
	if len(found) != 2 {
		t.Fatalf("found %d sockets, want 2", len(found))
	}
	if data, ok := found[s1.Id()].Data().(*live); !ok || data.n != 7 {
		t.Errorf("data of the local socket: %v", found[s1.Id()].Data())
	}
	remote := found[s2.Id()]
	if rooms := remote.Rooms(); rooms.Len() != 2 || !rooms.Has("r") || !rooms.Has(socket.Room(s2.Id())) {
		t.Errorf("rooms: %v", rooms.Keys())
	}
	data := remote.Data().(map[string]any)
	if data["n"] != 1.0 || string(data["blob"].([]any)[0].(types.BufferInterface).Bytes()) != "x" {
		t.Errorf("data: %v", data)
	}
	h := remote.Handshake()
	if h.Auth["token"] != "t" || h.Query["a"] != "1" || !slices.Equal(h.Query["m"].([]any), []any{"x", "y"}) ||
		h.Headers["upgrade"] != "websocket" || h.Issued != s2.Handshake().Issued || h.Address != "127.0.0.1" ||
		h.Url != s2.Handshake().Url || h.Time == "" || h.Secure || h.Xdomain {
		t.Errorf("handshake: %+v", h)
	}

	remote.Join("joined")
	eventually(t, "joined", func() bool { return s2.Rooms().Has("joined") })
	remote.Leave("joined")
	eventually(t, "left", func() bool { return !s2.Rooms().Has("joined") })
	_ = remote.Emit("direct")
	c2.expect(text(`2["direct"]`))
	remote.Disconnect(true)
	ended(t, c2.done)
}

func TestFetchSocketsIncomplete(t *testing.T) {
	f := newFabric()
	s := cluster(t, f, 3)
	_, s1 := s[0].client("/")
	_, s2 := s[1].client("/")
	f.deliver = func(to *member, m *core.Message) {
		if to.id == "node3" {
			go f.remove("/", "node3", core.ErrSilentPeer)
			return
		}
		to.receiver.Receive(m)
	}
	type result struct {
		sockets []*socket.RemoteSocket
		err     error
	}
	results := make(chan result, 1)
	s[0].FetchSockets()(func(sockets []*socket.RemoteSocket, err error) { results <- result{sockets, err} })
	r := within(t, results)
	var incomplete *core.IncompleteError
	if !errors.As(r.err, &incomplete) || !slices.Equal(incomplete.Missing, []string{"node3"}) {
		t.Errorf("error %v, want node3 missing", r.err)
	}
	ids := idsOf(r.sockets)
	want := []string{string(s1.Id()), string(s2.Id())}
	sort.Strings(want)
	if !slices.Equal(ids, want) {
		t.Errorf("sockets %v, want %v", ids, want)
	}
}

func TestSocketsOperationsAcrossServers(t *testing.T) {
	onEachMesh(t, 2, socketsOperationsAcrossServers)
}

func socketsOperationsAcrossServers(t *testing.T, s []*server) {
	_, s1 := s[0].client("/", "r")
	c2, s2 := s[1].client("/", "r")

	s[0].In("r").SocketsJoin("a", "b")
	eventually(t, "both joined", func() bool { return s1.Rooms().Has("a") && s2.Rooms().Has("b") })
	s[1].In("a").SocketsLeave("a", "b")
	eventually(t, "both left", func() bool { return !s1.Rooms().Has("a") && !s2.Rooms().Has("b") })

	a := s[0].Sockets().Adapter()
	a.AddAll(s2.Id(), set("x", "y"))
	eventually(t, "joined from afar", func() bool { return s2.Rooms().Has("x") && s2.Rooms().Has("y") })
	if rooms := a.SocketRooms(s2.Id()); rooms == nil || rooms.Len() != 4 {
		t.Errorf("rooms seen from afar: %v", rooms)
	}
	a.Del(s2.Id(), "x")
	eventually(t, "left from afar", func() bool { return !s2.Rooms().Has("x") })
	a.DelAll(s2.Id())
	eventually(t, "left all from afar", func() bool { return s2.Rooms().Len() == 0 })
	if rooms := a.SocketRooms(s2.Id()); rooms == nil || rooms.Len() != 0 {
		t.Errorf("rooms of a socket in none: %v", rooms)
	}
	a.AddAll(s2.Id(), set("back"))
	eventually(t, "back", func() bool { return s2.Rooms().Has("back") })
	if rooms := a.SocketRooms("nobody"); rooms != nil {
		t.Errorf("rooms of nobody: %v", rooms)
	}

	mesh := Of(s[0].Sockets())
	ids, err := mesh.Sockets(context.Background(), []string{"r", "back"}).Wait()
	sort.Strings(ids)
	want := []string{string(s1.Id()), string(s2.Id())}
	sort.Strings(want)
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("ids %v, %v; want %v", ids, err, want)
	}
	if local := a.Sockets(nil); local.Len() != 1 {
		t.Errorf("the library's Sockets: %v, want the local ones", local.Keys())
	}

	gone := make(chan any, 1)
	_ = s2.On("disconnect", func(args ...any) { gone <- args[0] })
	s[0].In("back").DisconnectSockets(false)
	c2.expect(text("1"))
	if reason := within(t, gone); reason != "server namespace disconnect" {
		t.Errorf("reason %v", reason)
	}
}

func TestServerSideEmitAcrossServers(t *testing.T) { onEachMesh(t, 3, serverSideEmitAcrossServers) }

func serverSideEmitAcrossServers(t *testing.T, s []*server) {
	plain := make(chan []any, 10)
	for _, server := range s {
		_ = server.On("plain", func(args ...any) { plain <- args })
	}
	_ = s[1].On("ask", func(args ...any) { args[len(args)-1].(socket.Ack)([]any{args[0], "more"}, nil) })
	_ = s[2].On("ask", func(args ...any) { args[len(args)-1].(socket.Ack)(nil, nil) })

	if err := s[0].ServerSideEmit("plain", 1, []byte("b")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		args := within(t, plain)
		if len(args) != 2 || args[0] != 1.0 || string(args[1].(types.BufferInterface).Bytes()) != "b" {
			t.Errorf("listener got %v", args)
		}
	}
	if len(plain) != 0 {
		t.Error("the sender heard itself")
	}
	if err := s[0].ServerSideEmit("plain", make(chan int)); err == nil {
		t.Error("what cannot be encoded is sent")
	}
	if err := s[0].Sockets().Adapter().ServerSideEmit(nil); err == nil {
		t.Error("an event without a name is sent")
	}

	type result struct {
		values []any
		err    error
	}
	results := make(chan result, 1)
	_ = s[0].ServerSideEmitWithAck("ask", "q")(func(values []any, err error) { results <- result{values, err} })
	r := within(t, results)
	if r.err != nil || len(r.values) != 2 || !slices.Contains(r.values, any("q")) || !slices.Contains(r.values, nil) {
		t.Errorf("got %v, %v", r.values, r.err)
	}
	_ = s[0].ServerSideEmitWithAck("nobody listens")(func(values []any, err error) { results <- result{values, err} })
	s[1].stop()
	s[2].stop()
	if r = within(t, results); len(r.values) != 0 || !errors.Is(r.err, core.ErrIncomplete) {
		t.Errorf("got %v, %v", r.values, r.err)
	}
}

// TestDynamicNamespaces: a child namespace is closed when it is empty, and opened
// again for the next client.
func TestDynamicNamespaces(t *testing.T) {
	f := newFabric()
	var servers []*server
	for i := range 2 {
		options := socket.DefaultServerOptions()
		options.SetCleanupEmptyChildNamespaces(true)
		s := serveWith(t, options, f.node(fmt.Sprint("node", i)))
		s.Of(regexp.MustCompile(`^/dynamic-\d+$`), nil)
		servers = append(servers, s)
	}
	connect := func(s *server) *client {
		c := s.dial("EIO=4")
		c.connect("/dynamic-1,")
		return c
	}
	stay := connect(servers[0])
	for range 3 {
		c := connect(servers[1])
		eventually(t, "two servers", func() bool { return len(f.others("/dynamic-1", "")) == 2 })
		_ = servers[0].Of("/dynamic-1", nil).Emit("e")
		c.expect(text(`2/dynamic-1,["e"]`))
		stay.expect(text(`2/dynamic-1,["e"]`))
		c.send("1/dynamic-1,")
		eventually(t, "closed", func() bool { return len(f.others("/dynamic-1", "")) == 1 })
	}
}

func fetch(t *testing.T, operator *socket.BroadcastOperator) []*socket.RemoteSocket {
	t.Helper()
	results := make(chan []*socket.RemoteSocket, 1)
	operator.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
		if err != nil {
			t.Error(err)
		}
		results <- sockets
	})
	return within(t, results)
}

func idsOf(sockets []*socket.RemoteSocket) (ids []string) {
	for _, s := range sockets {
		ids = append(ids, string(s.Id()))
	}
	sort.Strings(ids)
	return ids
}
