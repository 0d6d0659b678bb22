package socketio

import (
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// stranger describes a socket of another server.
func stranger(t *testing.T, id string, browserOf int, rooms ...string) core.Socket {
	t.Helper()
	handshake, err := encodeHandshake(browser(browserOf), "")
	if err != nil {
		t.Fatal(err)
	}
	return core.Socket{ID: id, Rooms: rooms, Handshake: handshake, Data: core.Payload{Text: []byte("{}")}}
}

// handed returns what is handed out of a description.
func handed(a *adapter, s core.Socket) *socket.RemoteSocket {
	return a.detailsOf(nil, []core.Socket{s})[0].(*socket.RemoteSocket)
}

func TestStrangersAreMadeOnce(t *testing.T) {
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	one, two := stranger(t, "one", 1, "one", "r"), stranger(t, "two", 2)
	first := a.detailsOf(nil, []core.Socket{one, two})
	again := a.detailsOf(nil, []core.Socket{two, one})
	if first[0] != again[1] || first[1] != again[0] {
		t.Error("a socket was made twice")
	}
	if first[0] == first[1] || first[0].Handshake() == first[1].Handshake() {
		t.Error("two sockets are one")
	}
	other := s.Of("/other", nil).Adapter().(*adapter)
	if handed(other, one) == first[0] {
		t.Error("one socket for two namespaces, of which it emits to one")
	}
}

// TestStrangersChange: what is handed out is what was described last.
func TestStrangersChange(t *testing.T) {
	was := stranger(t, "one", 1, "one", "r")
	for name, is := range map[string]core.Socket{
		"fewer rooms":     stranger(t, "one", 1, "one"),
		"more rooms":      stranger(t, "one", 1, "one", "r", "s"),
		"other rooms":     stranger(t, "one", 1, "one", "s"),
		"other handshake": stranger(t, "one", 2, "one", "r"),
		"other data":      {ID: "one", Rooms: was.Rooms, Handshake: was.Handshake, Data: core.Payload{Text: []byte(`{"a":1}`)}},
	} {
		a := serve(t, lonely{}).Sockets().Adapter().(*adapter)
		before, after := handed(a, was), handed(a, is)
		if before == after {
			t.Errorf("%s: the same socket", name)
		}
		if !are(is.Rooms, after.Rooms()) {
			t.Errorf("%s: it is in %v", name, after.Rooms().Keys())
		}
		if same := before.Handshake() == after.Handshake(); same != (name != "other handshake") {
			t.Errorf("%s: the handshake is the same: %v", name, same)
		}
		if back := handed(a, was); !are(was.Rooms, back.Rooms()) || len(back.Data().(map[string]any)) > 0 {
			t.Errorf("%s and back: %v, %v", name, back.Rooms().Keys(), back.Data())
		}
	}
}

// TestWrittenStrangers: who writes into what it was handed writes for itself.
func TestWrittenStrangers(t *testing.T) {
	a := serve(t, lonely{}).Sockets().Adapter().(*adapter)
	one := stranger(t, "one", 1, "one", "r")
	for name, write := range map[string]func(*socket.RemoteSocket){
		"a room more":  func(s *socket.RemoteSocket) { s.Rooms().Add("s") },
		"a room less":  func(s *socket.RemoteSocket) { s.Rooms().Delete("r") },
		"another room": func(s *socket.RemoteSocket) { s.Rooms().Delete("r"); s.Rooms().Add("s") },
		"data":         func(s *socket.RemoteSocket) { s.Data().(map[string]any)["a"] = 1 },
	} {
		write(handed(a, one))
		if next := handed(a, one); !are(one.Rooms, next.Rooms()) || len(next.Data().(map[string]any)) > 0 {
			t.Errorf("%s: the next one got %v, %v", name, next.Rooms().Keys(), next.Data())
		}
	}
}

// TestDataIsItsCallersOwn: with data, only the handshake is shared.
func TestDataIsItsCallersOwn(t *testing.T) {
	a := serve(t, lonely{}).Sockets().Adapter().(*adapter)
	one := stranger(t, "one", 1, "one")
	for _, data := range []string{`{"a":1}`, `[1]`, `"text"`, `null`} {
		one.Data.Text = []byte(data)
		first, second := handed(a, one), handed(a, one)
		if first == second {
			t.Errorf("%s is shared", data)
		}
		if first.Handshake() != second.Handshake() {
			t.Errorf("%s: the handshake was read twice", data)
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
		"none":        {core.Payload{}, false},
	} {
		one := core.Socket{ID: name, Handshake: want.handshake, Data: core.Payload{Text: []byte("{}")}}
		if kept := handed(a, one) == handed(a, one); kept != want.kept {
			t.Errorf("%s: kept: %v", name, kept)
		}
	}
}

func TestLocalSocketsAreMadeOnce(t *testing.T) {
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	_, sock := s.client("/", "r")
	local := func() *socket.RemoteSocket {
		return a.detailsOf([]*socket.Socket{sock}, nil)[0].(*socket.RemoteSocket)
	}
	first := local()
	if local() != first {
		t.Error("made twice")
	}
	if described := a.detailsOf(a.ours([]core.Socket{stranger(t, string(sock.Id()), 1)})); described[0] != first {
		t.Error("made again since another server describes it")
	}

	sock.Join("s")
	joined := local()
	if joined == first || !joined.Rooms().Has("s") {
		t.Error("it has joined a room, which does not show")
	}
	sock.Leave("r")
	if left := local(); left == joined || left.Rooms().Has("r") {
		t.Error("it has left a room, which does not show")
	}
	local().Rooms().Add("written")
	if local().Rooms().Has("written") {
		t.Error("a caller has written into what all get")
	}

	data := map[string]any{"a": 1}
	sock.SetData(data)
	if got, ok := local().Data().(map[string]any); !ok || got["a"] != 1 {
		t.Errorf("data %v, want the live one", local().Data())
	}
	if local() == local() {
		t.Error("shared, with data")
	}
	sock.SetData(nil)
	if local().Data() != nil {
		t.Error("data is kept that is gone")
	}
}
