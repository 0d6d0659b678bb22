package socketio

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

func TestBroadcastOnTheWire(t *testing.T) {
	s := serve(t, lonely{})
	chat, _ := s.client("/chat", "r1", "r2")
	c, sock := s.client("/", "r1", "r2")
	other, otherSock := s.client("/", "r2")

	s.Emit("hello", "world", 1, nil, map[string]any{"a<b": 1.5})
	plain := text(`2["hello","world",1,null,{"a\u003cb":1.5}]`)
	c.expect(plain)
	other.expect(plain)

	s.To("r1", "r2").Emit("rooms") // one copy
	c.expect(text(`2["rooms"]`))
	other.expect(text(`2["rooms"]`))

	s.Except("r1").Emit("except")
	other.expect(text(`2["except"]`))

	_ = sock.Broadcast().Emit("others")
	other.expect(text(`2["others"]`))

	// The library drops what is volatile while it writes something else.
	await.Condition(t, "idle", func() bool { return otherSock.Conn().Transport().Writable() })
	_ = sock.To("r2").Volatile().Compress(true).Emit("flags")
	other.expect(text(`2["flags"]`))

	_ = s.To("r1").Emit("binary", []byte("\x01\x02"), map[string]any{"deep": []any{types.NewBytesBufferString("x")}})
	c.expect(
		text(`52-["binary",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]`),
		binary("\x01\x02"), binary("x"))

	_ = s.To("r1").Emit("reader", strings.NewReader("text"))
	c.expect(text(`2["reader","text"]`))

	_ = s.Of("/chat", nil).Emit("in", []byte("b"))
	chat.expect(text(`51-/chat,["in",{"_placeholder":true,"num":0}]`), binary("b"))
	_ = s.Of("/chat", nil).Local().Emit("in")
	chat.expect(text(`2/chat,["in"]`))

	s.Emit("end")
	other.expect(text(`2["end"]`))
	c.expect(text(`2["end"]`))
}

func TestPayloadsSurvive(t *testing.T) {
	s := serve(t, lonely{})
	c, _ := s.client("/")
	long := strings.Repeat("ü", 1<<19)
	s.Emit("long", long)
	c.expect(text(`2["long","` + long + `"]`))

	var deep any = "bottom"
	for range 200 {
		deep = []any{deep}
	}
	s.Emit("deep", deep)
	c.expect(text(`2["deep",` + strings.Repeat("[", 200) + `"bottom"` + strings.Repeat("]", 200) + `]`))

	s.Emit("odd", map[string]any{"__proto__": map[string]any{"x": ""}}, 1<<53, 0.1, false)
	c.expect(text(`2["odd",{"__proto__":{"x":""}},9007199254740992,0.1,false]`))
}

func TestBroadcastOfWhatCannotBeEncoded(t *testing.T) {
	var log coretest.Log
	s := serve(t, lonely{}, WithLogger(log.Logger()))
	c, _ := s.client("/")
	s.Emit("bad", 1i)
	s.Emit("panics", panics{})
	s.Emit("end")
	c.expect(text(`2["end"]`))
	if got := strings.Count(log.String(), "event not sent"); got != 2 {
		t.Errorf("%d errors logged, want 2: %s", got, log.String())
	}
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no") }

// TestPacketIsEncodedBeforeReturn: the caller may change its data afterwards.
func TestPacketIsEncodedBeforeReturn(t *testing.T) {
	s := serve(t, lonely{})
	c, _ := s.client("/")
	args := map[string]any{"v": 0}
	for i := range 100 {
		args["v"] = i
		s.Emit("e", args)
	}
	args["v"] = "late"
	for i := range 100 {
		got := c.next().data
		if want := `2["e",{"v":` + jsonOf(i) + `}]`; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestOutgoingListeners(t *testing.T) {
	s := serve(t, lonely{})
	c, sock := s.client("/")
	seen := make(chan []any, 10)
	sock.OnAnyOutgoing(func(args ...any) { seen <- args })
	sock.OnAnyOutgoing(func(...any) { panic("listener") })
	s.Emit("e", 1, []byte("b"))
	args := await.Value(t, seen)
	if args[0] != "e" || args[1] != 1.0 || string(args[2].(types.BufferInterface).Bytes()) != "b" {
		t.Errorf("listener got %v", args)
	}
	c.expect(text(`51-["e",1,{"_placeholder":true,"num":0}]`), binary("b"))
}

// TestProtocolRevision3: such a client names its namespace without CONNECT data,
// and its main socket has the connection's id.
func TestProtocolRevision3(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetAllowEIO3(true)
	s := serveWith(t, options, lonely{})
	c := s.dial("EIO=3")
	c.expect(text("0"))
	s.Emit("hello", 1)
	c.expect(text(`2["hello",1]`))
}

func TestHostBroadcastWithAck(t *testing.T) {
	s := serve(t, lonely{})
	nsp := s.Of("/chat", nil)
	h := hostOf(nsp)
	c1, s1 := s.client("/chat", "r")
	c2, s2 := s.client("/chat", "r")
	c3, _ := s.client("/chat", "r")
	c4, _ := s.client("/chat")

	counts, answers := make(chan int, 10), make(chan string, 10)
	h.BroadcastWithAck(core.Payload{Text: []byte(`["q"]`)}, core.Target{Rooms: []string{"r"}},
		func(n int) { counts <- n },
		func(p core.Payload) { answers <- string(p.Text) })
	if n := <-counts; n != 3 {
		t.Errorf("counted %d clients, want 3", n)
	}
	id1, args := packetID(t, c1.next().data, "2/chat,")
	id2, _ := packetID(t, c2.next().data, "2/chat,")
	id3, _ := packetID(t, c3.next().data, "2/chat,")
	if args != `["q"]` || id1 != id2 || id2 != id3 {
		t.Errorf("ids %s %s %s, args %s", id1, id2, id3, args)
	}
	c1.send("3/chat," + id1 + `[{"a":1},2,3]`)
	if got := await.Value(t, answers); got != `{"a":1}` {
		t.Errorf("answer of several values: %s", got)
	}
	c2.send("3/chat," + id1 + `[]`)
	if got := await.Value(t, answers); got != `` {
		t.Errorf("answer without value: %s", got)
	}
	c2.send("3/chat," + id1 + `["again"]`)
	c3.send("61-/chat,"+id1+`[{"_placeholder":true,"num":0}]`, "bin")
	if got := await.Value(t, answers); got != `{"_placeholder":true,"num":0}` {
		t.Errorf("binary answer: %s", got)
	}
	await.Condition(t, "all acknowledgements forgotten", func() bool {
		return s1.Acks().Len()+s2.Acks().Len() == 0 && h.acks.Len() == 0
	})
	if len(answers) != 0 {
		t.Errorf("an extra answer: %s", <-answers)
	}

	h.BroadcastWithAck(core.Payload{Text: []byte(`["b",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{[]byte("x")}},
		core.Target{Except: []string{"r"}}, func(n int) { counts <- n }, func(core.Payload) {})
	if n := <-counts; n != 1 {
		t.Errorf("counted %d clients, want 1", n)
	}
	if id, args := packetID(t, c4.next().data, "51-/chat,"); id == id1 || args != `["b",{"_placeholder":true,"num":0}]` {
		t.Errorf("binary event with id %s (before: %s): %s", id, id1, args)
	}
	c4.expect(binary("x"))
}

func TestHostBroadcastWithAckForgets(t *testing.T) {
	s := serve(t, lonely{})
	h := hostOf(s.Sockets())
	c, sock := s.client("/")
	answers := make(chan string, 10)
	ask := func(timeout time.Duration, to ...string) {
		h.BroadcastWithAck(core.Payload{Text: []byte(`["q"]`)}, core.Target{Rooms: to, Flags: core.Flags{Timeout: timeout}},
			func(int) {}, func(p core.Payload) { answers <- string(p.Text) })
	}
	ask(20 * time.Millisecond)
	var late socket.Ack // as the library holds it when the answer is in its hands already
	sock.Acks().Range(func(_ uint64, ack socket.Ack) bool { late = ack; return false })
	id, _ := packetID(t, c.next().data, "2")
	await.Condition(t, "acknowledgement forgotten", func() bool { return sock.Acks().Len() == 0 })
	c.send("3" + id + `["late"]`)
	late([]any{"late"}, nil)

	ask(0, "nobody")
	if n := h.acks.Len(); n != 0 {
		t.Errorf("%d requests without clients kept", n)
	}
	ask(time.Hour)
	id, _ = packetID(t, c.next().data, "2")
	if sock.Acks().Len() != 1 || h.acks.Len() != 1 {
		t.Error("not asked")
	}
	s.Sockets().Adapter().Close()
	if sock.Acks().Len() != 0 || h.acks.Len() != 0 {
		t.Error("closing does not forget acknowledgements")
	}
	c.send("3" + id + `["late"]`)
	_ = sock.Emit("end")
	c.expect(text(`2["end"]`))
	if len(answers) != 0 {
		t.Errorf("late answer: %s", <-answers)
	}
}

func TestHostSockets(t *testing.T) {
	s := serve(t, lonely{})
	h := hostOf(s.Sockets())
	_, sock := s.client("/", "r")
	brief := h.Sockets(core.Target{Rooms: []string{"r"}}, true)
	if len(brief) != 1 || brief[0].ID != string(sock.Id()) || len(brief[0].Rooms) != 2 || !brief[0].Data.IsZero() || !brief[0].Handshake.IsZero() {
		t.Errorf("brief: %+v", brief)
	}
	if got := h.Sockets(core.Target{Rooms: []string{"x"}}, true); got == nil || len(got) != 0 {
		t.Errorf("none: %#v", got)
	}
	full := h.Sockets(core.Target{}, false)
	if got := string(full[0].Data.Text); got != "{}" {
		t.Errorf("no data: %s", got)
	}
	sock.SetData(map[string]any{"n": 1, "b": []any{types.NewBytesBufferString("blob")}, "t": strings.NewReader("text")})
	for range 2 { // reading does not use it up
		full = h.Sockets(core.Target{}, false)
		if got := string(full[0].Data.Text); got != `{"b":[{"_placeholder":true,"num":0}],"n":1,"t":"text"}` {
			t.Errorf("data: %s", got)
		}
		if got := string(full[0].Data.Attachments[0]); got != "blob" {
			t.Errorf("data's attachment: %q", got)
		}
	}
	for _, test := range []struct {
		data any
		want string
	}{{func() {}, `null`}, {map[string]any{"f": func() {}}, `{}`}, {1i, `{}`}, {map[string]any{"r": io.MultiReader()}, `{}`}} {
		sock.SetData(test.data)
		if got := string(h.Sockets(core.Target{}, false)[0].Data.Text); got != test.want {
			t.Errorf("data %T is described as %s", test.data, got)
		}
	}
}

func TestHostServerSideEmit(t *testing.T) {
	var log coretest.Log
	s := serve(t, lonely{}, WithLogger(log.Logger()))
	h := hostOf(s.Sockets())
	seen := make(chan []any, 10)
	listener := func(args ...any) { seen <- args }
	_ = s.On("hello", listener)
	_ = s.On("connection", listener)

	h.ServerSideEmit(core.Payload{Text: []byte(`["hello",1,{"_placeholder":true,"num":0}]`), Attachments: [][]byte{[]byte("b")}}, nil)
	args := await.Value(t, seen)
	if len(args) != 2 || args[0] != 1.0 || string(args[1].(types.BufferInterface).Bytes()) != "b" {
		t.Errorf("got %v", args)
	}
	for _, bad := range []string{`["connection",1]`, `[1]`, `[]`, `{}`, ``, `[`, `["x",{"_placeholder":true,"num":7}]`} {
		p := core.Payload{Text: []byte(bad), Attachments: [][]byte{nil}}
		h.ServerSideEmit(p, nil)
	}
	if len(seen) != 0 {
		t.Errorf("listener got %v", <-seen)
	}
	if got := strings.Count(log.String(), "server-side event dropped"); got != 7 {
		t.Errorf("%d of 7 bad events logged", got)
	}

	replies := make(chan string, 10)
	reply := func(p core.Payload) { replies <- string(p.Text) }
	h.ServerSideEmit(core.Payload{Text: []byte(`["hello"]`)}, reply)
	ack := await.Value(t, seen)[0].(socket.Ack)
	ack([]any{"first", "second"}, nil)
	ack([]any{"again"}, nil)
	if got := await.Value(t, replies); got != `"first"` {
		t.Errorf("reply %s", got)
	}
	h.ServerSideEmit(core.Payload{Text: []byte(`["hello"]`)}, reply)
	await.Value(t, seen)[0].(socket.Ack)(nil, nil)
	if got := await.Value(t, replies); got != `` {
		t.Errorf("reply without a value: %s", got)
	}
	if len(replies) != 0 {
		t.Error("replied twice")
	}
}

func hostOf(nsp socket.Namespace) *host { return nsp.Adapter().(*adapter).host }

func jsonOf(v any) string {
	p, err := siovalue.Encode(v, siovalue.Options{})
	if err != nil {
		panic(err)
	}
	return string(p.Text)
}
