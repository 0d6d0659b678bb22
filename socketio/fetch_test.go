package socketio

import (
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siotest"
)

// TestFetchedAreTheCallersOwn: callers at the same time may change all that they get of
// local and remote sockets. The race detector looks on.
func TestFetchedAreTheCallersOwn(t *testing.T) { onEachMesh(t, 2, fetchedAreTheCallersOwn) }

func fetchedAreTheCallersOwn(t *testing.T, s []*server) {
	_, local := s[0].client("/", "r")
	_, remote := s[1].client("/", "r")
	for _, sock := range []*socket.Socket{local, remote} {
		sock.SetData(map[string]any{"tags": []any{"a"}, "names": []string{"b"}})
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 20 {
				for _, found := range fetchSockets(t, s[0].In("r")) {
					if !found.Rooms().Has("r") || found.Handshake().Url == "" || found.Data().(map[string]any)["tags"].([]any)[0] != "a" {
						t.Errorf("%s: %+v, %v", found.Id(), found.Handshake(), found.Data())
					}
					siotest.Spoil(found.Handshake())
					found.Rooms().Clear()
					siotest.SpoilValue(found.Data())
				}
			}
		})
	}
	callers.Wait()
	if local.Data().(map[string]any)["tags"].([]any)[0] != "a" || len(local.Handshake().Headers) == 0 || !local.Rooms().Has("r") {
		t.Error("the socket itself has changed")
	}
}

// shown is what callers get of a local socket's handshake: what it is, and an auth
// that can be written to.
func shown(s *socket.Socket) *socket.Handshake {
	h := *s.Handshake()
	if h.Auth == nil {
		h.Auth = map[string]any{}
	}
	return &h
}

// expectSet compares lists in any order.
func expectSet(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestFetchedLocalSockets: local sockets are handed out as they are at the moment.
func TestFetchedLocalSockets(t *testing.T) {
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	_, sock := s.client("/", "r")
	local := func() *socket.RemoteSocket {
		return a.fetch.Details(a.fetch.Split([]core.Socket{{ID: string(sock.Id()), Rooms: []string{"x"}}}))[0].(*socket.RemoteSocket)
	}
	check := func(data any, rooms ...string) {
		t.Helper()
		got := local()
		if got.Id() != sock.Id() || !reflect.DeepEqual(got.Handshake(), shown(sock)) || !reflect.DeepEqual(got.Data(), data) {
			t.Errorf("%+v, %+v, %v", got, got.Handshake(), got.Data())
		}
		siotest.Spoil(got.Handshake())
		expectSet(t, "rooms", roomStrings(got.Rooms().Keys()), append(rooms, string(sock.Id()))...)
	}
	check(map[string]any{}, "r")
	sock.Join("s")
	check(map[string]any{}, "r", "s")
	sock.Leave("r")
	check(map[string]any{}, "s")
	local().Rooms().Add("written")
	check(map[string]any{}, "s")
	data := map[string]any{"a": 1}
	sock.SetData(data)
	check(data, "s")
	data["b"] = 2
	check(map[string]any{"a": 1, "b": 2}, "s")
	local().Data().(map[string]any)["c"] = 3
	check(map[string]any{"a": 1, "b": 2}, "s")
	typed := &struct{ N int }{1}
	sock.SetData(typed)
	check(typed, "s")
	if local().Data() != any(typed) {
		t.Error("data of the application's own type is not the value itself")
	}
	sock.SetData(nil)
	check(map[string]any{}, "s")
}

// TestFetchedSocketsAct: what is handed out acts on the one socket, each time it is, in its
// own namespace.
func TestFetchedSocketsAct(t *testing.T) {
	s := serve(t, lonely{})
	c, sock := s.client("/", "r")
	other, otherSock := s.client("/other", "r")
	_, bystander := s.client("/", "r")
	for range 2 {
		fetched := map[socket.SocketId]*socket.RemoteSocket{}
		for _, nsp := range []socket.Namespace{s.Sockets(), s.Of("/other", nil)} {
			a := nsp.Adapter().(*adapter)
			for _, id := range []socket.SocketId{sock.Id(), otherSock.Id(), bystander.Id()} {
				if _, ok := nsp.Sockets().Load(id); ok {
					fetched[id] = a.fetch.Details(a.fetch.Split([]core.Socket{{ID: string(id)}}))[0].(*socket.RemoteSocket)
				}
			}
		}
		if err := fetched[sock.Id()].Emit("hello", 1); err != nil {
			t.Fatal(err)
		}
		c.expect(text(`2["hello",1]`))
		if err := fetched[otherSock.Id()].Emit("hello", 2); err != nil {
			t.Fatal(err)
		}
		other.expect(text(`2/other,["hello",2]`))
		fetched[sock.Id()].Join("joined")
		if !sock.Rooms().Has("joined") || bystander.Rooms().Has("joined") {
			t.Error("not the one socket has joined")
		}
		fetched[sock.Id()].Leave("joined")
		if sock.Rooms().Has("joined") {
			t.Error("it has not left")
		}
	}
}
