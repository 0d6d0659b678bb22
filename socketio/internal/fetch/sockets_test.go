package fetch

import (
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siotest"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// stranger describes a socket of another server.
func stranger(t *testing.T, id string, browserOf int, data string, rooms ...string) core.Socket {
	t.Helper()
	h := siotest.Browser(browserOf)
	handshake, err := encodeHandshake(h, "example.org")
	if err != nil {
		t.Fatal(err)
	}
	return core.Socket{ID: id, Rooms: rooms, Handshake: handshake, Address: h.Address, Data: core.Payload{Text: []byte(data)}}
}

// newSockets are those of a namespace that nobody has connected to.
func newSockets() *Sockets {
	io := socket.NewServer(nil, socket.DefaultServerOptions())
	return NewSockets(io.Sockets(), NewCache(), slog.New(slog.DiscardHandler))
}

func namesOf(rooms *types.Set[socket.Room]) (names []string) {
	for _, room := range rooms.Keys() {
		names = append(names, string(room))
	}
	return names
}

// handed returns what is handed out of a description.
func handed(a *Sockets, s core.Socket) *socket.RemoteSocket {
	return a.Details(nil, []core.Socket{s})[0].(*socket.RemoteSocket)
}

// isWhat compares what was handed out with its description.
func isWhat(t *testing.T, s socket.SocketDetails, described core.Socket) {
	t.Helper()
	handshake, err := decodeHandshake(described.Handshake)
	if err != nil {
		handshake = &description{}
	}
	want := new(copier).described(handshake, described.Address)
	data, err := siovalue.Decode(described.Data, siovalue.AsBuffer)
	if err != nil {
		data = nil
	}
	rooms := namesOf(s.Rooms())
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

// TestRemoteSocketsAreAsDescribedLast: what is handed out is what was described last.
func TestRemoteSocketsAreAsDescribedLast(t *testing.T) {
	a := newSockets()
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

// TestRemoteSocketsAreTheCallersOwn: what is handed out is the caller's own, and what a caller has
// written does not show elsewhere. What takes time is read once.
func TestRemoteSocketsAreTheCallersOwn(t *testing.T) {
	a := newSockets()
	known := func() *cached {
		return a.cache.find(1, func(int) cacheKey { return cacheKey{a, "one"} })[0]
	}
	for _, data := range []string{`{}`, `{"b":1}`} {
		described := stranger(t, "one", 1, data, "one", "r")
		first, second := handed(a, described), handed(a, described)
		kept := known()
		siotest.Spoil(first.Handshake())
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
	a := newSockets()
	text := func(size int) core.Payload {
		const some = `{"url":"/"}`
		return core.Payload{Text: []byte(some + strings.Repeat(" ", size-len(some)))}
	}
	for name, want := range map[string]struct {
		handshake core.Payload
		kept      bool
	}{
		"small":       {text(100), true},
		"large":       {text(maxCachedHandshake), true},
		"larger":      {text(maxCachedHandshake + 1), false},
		"with a blob": {core.Payload{Text: []byte(`{"auth":{"_placeholder":true,"num":0}}`), Attachments: [][]byte{{1}}}, false},
		"broken":      {core.Payload{Text: []byte(`{`)}, false},
	} {
		one := core.Socket{ID: name, Handshake: want.handshake, Data: core.Payload{Text: []byte("{}")}}
		handed(a, one)
		known := a.cache.find(1, func(int) cacheKey { return cacheKey{a, socket.SocketId(name)} })[0]
		if known == nil || known.isOf(one.Handshake) != want.kept {
			t.Errorf("%s: %+v", name, known)
		}
	}
	blob := core.Payload{Text: text(100).Text, Attachments: [][]byte{{1}}}
	if known := (&cached{text: string(blob.Text)}); known.isOf(blob) {
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

// TestDetailsFit: with the library of this version sockets are made without its
// constructor; with any other one they are what they are with this.
func TestDetailsFit(t *testing.T) {
	if !detailsFit() {
		t.Error("the library's RemoteSocket has other fields now: see details")
	}
	c := siotest.Connect(t)
	c.Join("r")
	sock := c.Socket
	a := NewSockets(c.Nsp(), NewCache(), slog.New(slog.DiscardHandler))
	described := stranger(t, "one", 1, `{"a":1}`, "one", "r")
	for _, fitting := range []bool{true, false} {
		a.cache.fitting = fitting
		isWhat(t, handed(a, described), described)
		all := a.Details([]*socket.Socket{sock})
		local := all[0].(*socket.RemoteSocket)
		if local.Id() != sock.Id() || !reflect.DeepEqual(local.Handshake(), shown(sock)) || local.Rooms().Len() != 2 {
			t.Errorf("fitting: %v: %+v", fitting, local)
		}
		if err := local.Emit("hello"); err != nil {
			t.Fatal(err)
		}
		c.Expect(`["hello"]`)
	}
}
