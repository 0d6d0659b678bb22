package socketio

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
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
	for _, r := range fetchSockets(t, s[0].In("r")) {
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
	// A socket looks the same from everywhere, and as it looks to its own server.
	if h := remote.Handshake(); !reflect.DeepEqual(h, s2.Handshake()) || !slices.Equal(h.Query["m"].([]string), []string{"x", "y"}) || h.Auth["token"] != "t" {
		t.Errorf("handshake: %+v, of the socket itself: %+v", h, s2.Handshake())
	}
	if h := found[s1.Id()].Handshake(); !reflect.DeepEqual(h, shown(s1)) {
		t.Errorf("handshake of the local socket: %+v, of the socket itself: %+v", h, s1.Handshake())
	}
	for _, r := range fetchSockets(t, s[1].In("r")) {
		if h := r.Handshake(); !reflect.DeepEqual(h, found[r.Id()].Handshake()) {
			t.Errorf("handshake there: %+v, here: %+v", h, found[r.Id()].Handshake())
		}
	}

	remote.Join("joined")
	await.Condition(t, "joined", func() bool { return s2.Rooms().Has("joined") })
	remote.Leave("joined")
	await.Condition(t, "left", func() bool { return !s2.Rooms().Has("joined") })
	_ = remote.Emit("direct")
	c2.expect(text(`2["direct"]`))
	remote.Disconnect(true)
	ended(t, c2.done)
}

// fetched is what a FetchSockets came to.
type fetched struct {
	ids []string
	err error
}

func fetchFrom(s interface {
	FetchSockets() func(func([]*socket.RemoteSocket, error))
}) <-chan fetched {
	outcome := make(chan fetched, 2)
	s.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) { outcome <- fetched{idsOf(sockets), err} })
	return outcome
}

// leaving makes some servers leave when they are asked, and others never answer.
func leaving(f *fabric, leave, hang []string) {
	f.deliver = func(to *member, m *core.Message) {
		switch {
		case slices.Contains(leave, to.id):
			go f.remove("/", to.id, core.ErrSilentPeer)
		case !slices.Contains(hang, to.id):
			to.receiver.Receive(m)
		}
	}
}

// TestRequestsOfServersThatLeave: towards Socket.IO's API a server that leaves while
// it is asked is no error.
func TestRequestsOfServersThatLeave(t *testing.T) {
	for _, override := range []bool{false, true} {
		for _, leave := range [][]string{{"node3"}, {"node3", "node4"}} {
			t.Run(fmt.Sprint(leave, ", overridden: ", override), func(t *testing.T) {
				var opts []Option
				if override {
					opts = append(opts, WrapAdapter(func(a core.Adapter) core.Adapter { return struct{ core.Adapter }{a} }))
				}
				for _, question := range []string{"fetch", "emit", "serverSideEmit"} {
					f := newFabric()
					s := clusterWith(t, f, 4, opts...)
					c1, s1 := s[0].client("/")
					c2, s2 := s[1].client("/")
					answerAll(t, c1, `[1]`)
					answerAll(t, c2, `[2]`)
					_ = s[1].On("ask", func(args ...any) { args[len(args)-1].(socket.Ack)([]any{"node2"}, nil) })
					_ = s[2].On("ask", func(...any) { t.Error("node3 was asked") })
					leaving(f, leave, nil)
					if len(leave) == 1 {
						_ = s[3].On("ask", func(args ...any) { args[len(args)-1].(socket.Ack)([]any{"node4"}, nil) })
					}
					switch question {
					case "fetch":
						got := await.Value(t, fetchFrom(s[0]))
						want := []string{string(s1.Id()), string(s2.Id())}
						slices.Sort(want)
						if got.err != nil || !slices.Equal(got.ids, want) {
							t.Errorf("fetched %v, %v; want %v", got.ids, got.err, want)
						}
					case "emit":
						expectAcks(t, ask(s[0].Timeout(await.Patience)), `1`, `2`)
					case "serverSideEmit":
						outcome := make(chan ackOutcome, 2)
						_ = s[0].ServerSideEmitWithAck("ask")(func(values []any, err error) { outcome <- ackOutcome{values, err} })
						want := []string{`"node2"`}
						if len(leave) == 1 {
							want = append(want, `"node4"`)
						}
						expectAcks(t, outcome, want...)
					}
				}
			})
		}
	}
}

// TestRequestsOfServersThatHang: one that is there and does not answer in time is
// an error, with Node's text. It counts and names those who are there only.
func TestRequestsOfServersThatHang(t *testing.T) {
	for _, tt := range []struct {
		leave, hang []string
		want        string
	}{
		{nil, []string{"node3"}, "timeout reached: missing 1 responses"},
		{nil, []string{"node2", "node3"}, "timeout reached: missing 2 responses"},
		{[]string{"node2"}, []string{"node3"}, "timeout reached: missing 1 responses"},
	} {
		t.Run(fmt.Sprint(tt.leave, " ", tt.hang), func(t *testing.T) {
			t.Parallel()
			const inTime = 3 * time.Second // for those who answer at once, on a busy machine too
			expect := func(t *testing.T, what string, err error) {
				t.Helper()
				if err == nil || err.Error() != tt.want {
					t.Errorf("%s: error %v, want %q", what, err, tt.want)
				}
				incomplete, ok := errors.AsType[*core.IncompleteError](err)
				if !ok || !slices.Equal(incomplete.Missing, tt.hang) || !slices.Equal(incomplete.Left, tt.leave) ||
					!errors.Is(err, core.ErrIncomplete) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %+v", what, incomplete)
				}
			}
			f := newFabric()
			s := cluster(t, f, 3)
			_, s1 := s[0].client("/")
			leaving(f, tt.leave, tt.hang)
			got := await.Value(t, fetchFrom(s[0].Timeout(inTime)))
			expect(t, "fetchSockets", got.err)
			if !slices.Equal(got.ids, []string{string(s1.Id())}) {
				t.Errorf("fetched %v", got.ids)
			}

			f = newFabric()
			f.timeout = inTime
			s = cluster(t, f, 3)
			_ = s[1].On("ask", func(args ...any) { args[len(args)-1].(socket.Ack)([]any{"node2"}, nil) })
			leaving(f, tt.leave, tt.hang)
			outcome := make(chan ackOutcome, 2)
			_ = s[0].ServerSideEmitWithAck("ask")(func(values []any, err error) { outcome <- ackOutcome{values, err} })
			answers := await.Value(t, outcome)
			expect(t, "serverSideEmit", answers.err)
			if want := 2 - len(tt.leave) - len(tt.hang); len(answers.values) != want {
				t.Errorf("answers %v, want %d", answers.values, want)
			}

			f = newFabric()
			s = cluster(t, f, 3)
			c, _ := s[0].client("/")
			answerAll(t, c, `[1]`)
			leaving(f, tt.leave, tt.hang)
			answers = await.Value(t, ask(s[0].Timeout(inTime)))
			if answers.err == nil || answers.err.Error() != "operation has timed out" || len(answers.values) != 1 {
				t.Errorf("emitWithAck: %v, %v", answers.values, answers.err)
			}
		})
	}
}

// TestRemoteSocketOfAServerThatLeaves: its client cannot answer any more, and did
// not refuse to.
func TestRemoteSocketOfAServerThatLeaves(t *testing.T) {
	f := newFabric()
	s := cluster(t, f, 3)
	c, _ := s[1].client("/", "one")
	remote := fetchSockets(t, s[0].In("one"))[0]
	outcome := ask(remote.Timeout(await.Patience))
	c.next()
	f.remove("/", "node2", core.ErrSilentPeer)
	if got := await.Value(t, outcome); got.err != nil || len(got.values) != 0 {
		t.Errorf("answered %v, %v", got.values, got.err)
	}
}

// TestRequestsWhileAllClose: when all servers stop at once, every request ends,
// once: whole without those who have left, or because this side has closed too.
func TestRequestsWhileAllClose(t *testing.T) {
	onEachMesh(t, 3, requestsWhileAllClose)
}

func requestsWhileAllClose(t *testing.T, s []*server) {
	type ended struct {
		what string
		err  error
	}
	outcomes := make(chan ended, 100)
	for _, server := range s {
		_ = server.On("ask", func(...any) {}) // does not answer
		_ = server.ServerSideEmitWithAck("ask")(func(_ []any, err error) { outcomes <- ended{"serverSideEmit", err} })
		server.FetchSockets()(func(_ []*socket.RemoteSocket, err error) { outcomes <- ended{"fetchSockets", err} })
	}
	for _, server := range s {
		go server.Close(nil)
	}
	for range 2 * len(s) {
		got := await.Value(t, outcomes)
		if got.err != nil && !(errors.Is(got.err, core.ErrIncomplete) && errors.Is(got.err, core.ErrClosed)) {
			t.Errorf("%s: %v", got.what, got.err)
		}
	}
	for _, server := range s {
		server.stop()
	}
	if len(outcomes) > 0 {
		t.Error("called twice")
	}
}

// TestRequestsOfAServerThatCloses: they end at once, and say why.
func TestRequestsOfAServerThatCloses(t *testing.T) {
	f := newFabric()
	s := cluster(t, f, 3)
	leaving(f, []string{"node2"}, []string{"node3"})
	sockets := fetchFrom(s[0])
	outcome := make(chan ackOutcome, 2)
	_ = s[0].ServerSideEmitWithAck("ask")(func(values []any, err error) { outcome <- ackOutcome{values, err} })
	await.Condition(t, "node2 has left", func() bool { return s[0].Sockets().Adapter().ServerCount() == 2 })
	s[0].stop()
	for what, err := range map[string]error{"fetchSockets": await.Value(t, sockets).err, "serverSideEmit": await.Value(t, outcome).err} {
		incomplete, ok := errors.AsType[*core.IncompleteError](err)
		if !ok || !errors.Is(err, core.ErrClosed) || !slices.Equal(incomplete.Missing, []string{"node3"}) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSocketsOperationsAcrossServers(t *testing.T) {
	onEachMeshToAll(t, 2, socketsOperationsAcrossServers)
}

func socketsOperationsAcrossServers(t *testing.T, s []*server) {
	_, s1 := s[0].client("/", "r")
	c2, s2 := s[1].client("/", "r")

	s[0].In("r").SocketsJoin("a", "b")
	await.Condition(t, "both joined", func() bool { return s1.Rooms().Has("a") && s2.Rooms().Has("b") })
	s[1].In("a").SocketsLeave("a", "b")
	await.Condition(t, "both left", func() bool { return !s1.Rooms().Has("a") && !s2.Rooms().Has("b") })

	a := s[0].Sockets().Adapter()
	a.AddAll(s2.Id(), set("x", "y"))
	await.Condition(t, "joined from afar", func() bool { return s2.Rooms().Has("x") && s2.Rooms().Has("y") })
	if rooms := a.SocketRooms(s2.Id()); rooms == nil || rooms.Len() != 4 {
		t.Errorf("rooms seen from afar: %v", rooms)
	}
	a.Del(s2.Id(), "x")
	await.Condition(t, "left from afar", func() bool { return !s2.Rooms().Has("x") })
	a.DelAll(s2.Id())
	await.Condition(t, "left all from afar", func() bool { return s2.Rooms().Len() == 0 })
	if rooms := a.SocketRooms(s2.Id()); rooms == nil || rooms.Len() != 0 {
		t.Errorf("rooms of a socket in none: %v", rooms)
	}
	a.AddAll(s2.Id(), set("back"))
	await.Condition(t, "back", func() bool { return s2.Rooms().Has("back") })
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
	if reason := await.Value(t, gone); reason != "server namespace disconnect" {
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
		args := await.Value(t, plain)
		if len(args) != 2 || args[0] != 1.0 || string(args[1].(types.BufferInterface).Bytes()) != "b" {
			t.Errorf("listener got %v", args)
		}
	}
	if len(plain) != 0 {
		t.Error("the sender heard itself")
	}
	var bad *EncodeError
	if err := s[0].ServerSideEmit("plain", 1, map[string]any{"x": 1i}); !errors.As(err, &bad) || bad.Event != "plain" || bad.Path != "args[1].x" {
		t.Errorf("what cannot be encoded: %v", err)
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
	r := await.Value(t, results)
	if r.err != nil || len(r.values) != 2 || !slices.Contains(r.values, any("q")) || !slices.Contains(r.values, nil) {
		t.Errorf("got %v, %v", r.values, r.err)
	}
	_ = s[0].ServerSideEmitWithAck("nobody listens")(func(values []any, err error) { results <- result{values, err} })
	s[1].stop()
	s[2].stop()
	if r = await.Value(t, results); len(r.values) != 0 || r.err != nil {
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
		await.Condition(t, "two servers", func() bool { return len(f.others("/dynamic-1", "")) == 2 })
		_ = servers[0].Of("/dynamic-1", nil).Emit("e")
		c.expect(text(`2/dynamic-1,["e"]`))
		stay.expect(text(`2/dynamic-1,["e"]`))
		c.send("1/dynamic-1,")
		await.Condition(t, "closed", func() bool { return len(f.others("/dynamic-1", "")) == 1 })
	}
}

func fetchSockets(t *testing.T, operator *socket.BroadcastOperator) []*socket.RemoteSocket {
	t.Helper()
	results := make(chan []*socket.RemoteSocket, 1)
	operator.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
		if err != nil {
			t.Error(err)
		}
		results <- sockets
	})
	return await.Value(t, results)
}

func idsOf(sockets []*socket.RemoteSocket) (ids []string) {
	for _, s := range sockets {
		ids = append(ids, string(s.Id()))
	}
	sort.Strings(ids)
	return ids
}
