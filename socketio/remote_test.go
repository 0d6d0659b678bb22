package socketio

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// stranger describes a socket of another server.
func stranger(t *testing.T, id string, browserOf int, data string, rooms ...string) core.Socket {
	t.Helper()
	h := browser(browserOf)
	handshake, err := encodeHandshake(h, "example.org")
	if err != nil {
		t.Fatal(err)
	}
	return core.Socket{ID: id, Rooms: rooms, Handshake: handshake, Address: h.Address, Data: core.Payload{Text: []byte(data)}}
}

// handed returns what is handed out of a description.
func handed(a *adapter, s core.Socket) *socket.RemoteSocket {
	return a.detailsOf(nil, []core.Socket{s})[0].(*socket.RemoteSocket)
}

// isWhat compares what was handed out with its description.
func isWhat(t *testing.T, s socket.SocketDetails, described core.Socket) {
	t.Helper()
	handshake, err := decodeHandshake(described.Handshake)
	if err != nil {
		handshake = &description{}
	}
	want := new(copier).described(handshake, described.Address)
	data, err := decodeValue(described.Data, asBuffer)
	if err != nil {
		data = nil
	}
	rooms := roomStrings(s.Rooms().Keys())
	if string(s.Id()) != described.ID || !reflect.DeepEqual(s.Handshake(), want) || !reflect.DeepEqual(s.Data(), data) {
		t.Errorf("%s: %+v, %v; want %+v, %v", s.Id(), s.Handshake(), s.Data(), want, data)
	}
	expectSet(t, "rooms", rooms, described.Rooms...)
}

// expectSet compares lists in any order.
func expectSet(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestStrangersChange: what is handed out is what was described last.
func TestStrangersChange(t *testing.T) {
	a := serve(t, lonely{}).Sockets().Adapter().(*adapter)
	for _, described := range []core.Socket{
		stranger(t, "one", 1, `{}`, "one", "r"),
		stranger(t, "one", 1, `{}`, "one", "r"),
		stranger(t, "one", 1, `{}`, "one"),
		stranger(t, "one", 1, `{}`, "one", "s"),
		stranger(t, "one", 2, `{}`, "one", "s"),
		stranger(t, "one", 2, `{"a":1}`),
		stranger(t, "one", 2, `["b"]`, "one", "r", "s"),
		stranger(t, "two", 2, `null`, "two"),
		stranger(t, "one", 1, `{}`, "one", "r"),
	} {
		isWhat(t, handed(a, described), described)
	}
}

// TestWrittenStrangers: what is handed out is the caller's own, and what a caller has
// written does not show elsewhere. What takes time is read once.
func TestWrittenStrangers(t *testing.T) {
	a := serve(t, lonely{}).Sockets().Adapter().(*adapter)
	known := func() *remote {
		return a.remotes.find(1, func(int) remoteKey { return remoteKey{a, "one"} })[0]
	}
	for _, data := range []string{`{}`, `{"b":1}`} {
		described := stranger(t, "one", 1, data, "one", "r")
		first, second := handed(a, described), handed(a, described)
		kept := known()
		spoil(first.Handshake())
		first.Rooms().Add("s")
		first.Rooms().Delete("r")
		first.Data().(map[string]any)["a"] = 1
		isWhat(t, second, described)
		isWhat(t, handed(a, described), described)
		if known() != kept {
			t.Errorf("%s: the handshake was read again", data)
		}
	}
}

// TestHandshakesKept: only of a bounded size, and of nothing but text.
func TestHandshakesKept(t *testing.T) {
	a := serve(t, lonely{}).Sockets().Adapter().(*adapter)
	text := func(size int) core.Payload {
		const some = `{"url":"/"}`
		return core.Payload{Text: []byte(some + strings.Repeat(" ", size-len(some)))}
	}
	for name, want := range map[string]struct {
		handshake core.Payload
		kept      bool
	}{
		"small":       {text(100), true},
		"large":       {text(maxHandshakeKept), true},
		"larger":      {text(maxHandshakeKept + 1), false},
		"with a blob": {core.Payload{Text: []byte(`{"auth":{"_placeholder":true,"num":0}}`), Attachments: [][]byte{{1}}}, false},
		"broken":      {core.Payload{Text: []byte(`{`)}, false},
	} {
		one := core.Socket{ID: name, Handshake: want.handshake, Data: core.Payload{Text: []byte("{}")}}
		handed(a, one)
		known := a.remotes.find(1, func(int) remoteKey { return remoteKey{a, socket.SocketId(name)} })[0]
		if known == nil || known.has(one.Handshake) != want.kept {
			t.Errorf("%s: %+v", name, known)
		}
	}
	blob := core.Payload{Text: text(100).Text, Attachments: [][]byte{{1}}}
	if known := (&remote{text: string(blob.Text)}); known.has(blob) {
		t.Error("a handshake is taken for another one, which has no attachments")
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

// TestLocalRemotes: local sockets are handed out as they are at the moment.
func TestLocalRemotes(t *testing.T) {
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	_, sock := s.client("/", "r")
	local := func() *socket.RemoteSocket {
		return a.detailsOf(a.ours([]core.Socket{stranger(t, string(sock.Id()), 1, "{}", "x")}))[0].(*socket.RemoteSocket)
	}
	check := func(data any, rooms ...string) {
		t.Helper()
		got := local()
		if got.Id() != sock.Id() || !reflect.DeepEqual(got.Handshake(), shown(sock)) || !reflect.DeepEqual(got.Data(), data) {
			t.Errorf("%+v, %+v, %v", got, got.Handshake(), got.Data())
		}
		spoil(got.Handshake())
		expectSet(t, "rooms", roomStrings(got.Rooms().Keys()), append(rooms, string(sock.Id()))...)
	}
	check(nil, "r")
	sock.Join("s")
	check(nil, "r", "s")
	sock.Leave("r")
	check(nil, "s")
	local().Rooms().Add("written")
	check(nil, "s")
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
	check(nil, "s")
}

// TestOperators: what is handed out acts on the one socket, each time it is, in its
// own namespace.
func TestOperators(t *testing.T) {
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
					fetched[id] = a.detailsOf(a.ours([]core.Socket{{ID: string(id)}}))[0].(*socket.RemoteSocket)
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

// TestDetailsFit: with the library of this version sockets are made without its
// constructor; with any other one they are what they are with this.
func TestDetailsFit(t *testing.T) {
	if !detailsFit() {
		t.Error("the library's RemoteSocket has other fields now: see details")
	}
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	c, sock := s.client("/", "r")
	described := stranger(t, "one", 1, `{"a":1}`, "one", "r")
	for _, fitting := range []bool{true, false} {
		a.remotes.fitting = fitting
		isWhat(t, handed(a, described), described)
		all := a.detailsOf([]*socket.Socket{sock})
		local := all[0].(*socket.RemoteSocket)
		if local.Id() != sock.Id() || !reflect.DeepEqual(local.Handshake(), shown(sock)) || local.Rooms().Len() != 2 {
			t.Errorf("fitting: %v: %+v", fitting, local)
		}
		if err := local.Emit("hello"); err != nil {
			t.Fatal(err)
		}
		c.expect(text(`2["hello"]`))
	}
}
