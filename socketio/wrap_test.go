package socketio

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
)

// witnessed are two servers with a client each, whose overrides note what they see.
type witnessed struct {
	near, far             *server
	sock, other           *socket.Socket // a client of each
	adapter, host         notes          // of near
	farAdapter, farHost   notes
	nearClient, farClient *client
}

func witness(t *testing.T) *witnessed {
	t.Helper()
	w := &witnessed{}
	f := newFabric()
	serveNode := func(name string, adapter, host *notes) *server {
		return serve(t, f.node(name),
			WrapAdapter(func(a core.Adapter) core.Adapter { return adapterWitness{a, adapter} }),
			WrapHost(func(_ string, h core.Host) core.Host { return hostWitness{h, host} }))
	}
	w.near = serveNode("near", &w.adapter, &w.host)
	w.far = serveNode("far", &w.farAdapter, &w.farHost)
	w.nearClient, w.sock = w.near.client("/", "r")
	w.farClient, w.other = w.far.client("/", "r")
	for _, n := range []*notes{&w.adapter, &w.host, &w.farAdapter, &w.farHost} {
		n.clear()
	}
	return w
}

// remote is far's client, as near has it.
func (w *witnessed) remote(t *testing.T) *socket.RemoteSocket {
	remote := fetchSockets(t, w.near.In(socket.Room(w.other.Id())))[0]
	for _, n := range []*notes{&w.adapter, &w.host, &w.farHost} {
		n.clear()
	}
	return remote
}

// TestEveryMethodWrapped: whatever an application asks of its server goes through
// the overrides, those of the server it is asked of and those where it is done.
func TestEveryMethodWrapped(t *testing.T) {
	ctx := context.Background()
	listen := func(args ...any) { args[len(args)-1].(socket.Ack)(nil, nil) }
	type methods = string // separated by spaces
	for _, c := range []struct {
		name          string
		do            func(t *testing.T, w *witnessed)
		adapter, host methods // called on the server that is asked
		far, farHost  methods // and on the other one
	}{
		{"Server.Emit", func(t *testing.T, w *witnessed) { w.near.Emit("e") },
			"Broadcast", "Broadcast", "", "Broadcast"},
		{"Server.To.Emit", func(t *testing.T, w *witnessed) { _ = w.near.To("r").Emit("e") },
			"Broadcast", "Broadcast", "", "Broadcast"},
		{"Local.Emit", func(t *testing.T, w *witnessed) { _ = w.near.Local().Emit("e") },
			"Broadcast", "Broadcast", "", ""},
		{"Socket.To.Emit", func(t *testing.T, w *witnessed) { _ = w.sock.To("r").Emit("e") },
			"Broadcast", "Broadcast", "", "Broadcast"},
		{"Socket.Broadcast.Emit", func(t *testing.T, w *witnessed) { _ = w.sock.Broadcast().Emit("e") },
			"Broadcast", "Broadcast", "", "Broadcast"},
		{"RemoteSocket.Emit", func(t *testing.T, w *witnessed) { _ = w.remote(t).Emit("e") },
			"Broadcast", "Broadcast", "", "Broadcast"},

		{"EmitWithAck", func(t *testing.T, w *witnessed) {
			answerAll(t, w.nearClient, `[1]`)
			answerAll(t, w.farClient, `[2]`)
			expectAcks(t, ask(w.near.To("r").Timeout(time.Minute)), "1", "2")
		}, "ServerCount BroadcastWithAck", "BroadcastWithAck", "", "BroadcastWithAck"},
		{"RemoteSocket.EmitWithAck", func(t *testing.T, w *witnessed) {
			answerAll(t, w.farClient, `[2]`)
			answers := make(chan []any, 1)
			w.remote(t).Timeout(time.Minute).EmitWithAck("q")(func(args []any, _ error) { answers <- args })
			await.Value(t, answers)
		}, "ServerCount BroadcastWithAck", "BroadcastWithAck", "", "BroadcastWithAck"},

		{"FetchSockets", func(t *testing.T, w *witnessed) { fetchSockets(t, w.near.In("r")) },
			"FetchSockets SocketRooms", "Sockets", "", "Sockets"}, // the library reads the rooms of its own
		{"SocketsJoin", func(t *testing.T, w *witnessed) { w.near.In("r").SocketsJoin("x") },
			"AddSockets AddAll", "Join", "AddAll", "Join"},
		{"SocketsLeave", func(t *testing.T, w *witnessed) { w.near.In("r").SocketsLeave("r") },
			"DelSockets Del", "Leave", "Del", "Leave"},
		{"DisconnectSockets", func(t *testing.T, w *witnessed) { w.near.In("r").DisconnectSockets(true) },
			"DisconnectSockets DelAll", "Disconnect", "DelAll", "Disconnect"},
		{"RemoteSocket.Join", func(t *testing.T, w *witnessed) { w.remote(t).Join("x") },
			"AddSockets", "Join", "AddAll", "Join"},
		{"RemoteSocket.Leave", func(t *testing.T, w *witnessed) { w.remote(t).Leave("r") },
			"DelSockets", "Leave", "Del", "Leave"},
		{"RemoteSocket.Disconnect", func(t *testing.T, w *witnessed) { w.remote(t).Disconnect(false) },
			"DisconnectSockets", "Disconnect", "DelAll", "Disconnect"},

		{"Socket.Join", func(t *testing.T, w *witnessed) { w.sock.Join("x") }, "AddAll", "", "", ""},
		{"Socket.Leave", func(t *testing.T, w *witnessed) { w.sock.Leave("r") }, "Del", "", "", ""},
		{"Socket.Disconnect", func(t *testing.T, w *witnessed) { w.sock.Disconnect(true) }, "DelAll", "", "", ""},
		{"Socket.Rooms", func(t *testing.T, w *witnessed) {
			if rooms := w.sock.Rooms(); !rooms.Has("r") || rooms.Len() != 2 {
				t.Errorf("rooms %v", rooms.Keys())
			}
		}, "SocketRooms", "", "", ""},
		{"Adapter.AddAll", func(t *testing.T, w *witnessed) { w.near.Sockets().Adapter().AddAll(w.other.Id(), set("x")) },
			"AddAll", "Has", "AddAll", "Join"},
		{"Adapter.Del", func(t *testing.T, w *witnessed) { w.near.Sockets().Adapter().Del(w.other.Id(), "r") },
			"Del", "Has", "Del", "Leave"},
		{"Adapter.DelAll", func(t *testing.T, w *witnessed) { w.near.Sockets().Adapter().DelAll(w.other.Id()) },
			"DelAll", "Has", "DelAll", "Leave"},
		{"Adapter.SocketRooms", func(t *testing.T, w *witnessed) {
			if rooms := w.near.Sockets().Adapter().SocketRooms(w.other.Id()); rooms == nil || !rooms.Has("r") {
				t.Errorf("rooms %v", rooms)
			}
		}, "SocketRooms", "Has", "", "Sockets"},
		{"Adapter.ServerCount", func(t *testing.T, w *witnessed) { w.near.Sockets().Adapter().ServerCount() },
			"ServerCount", "", "", ""},

		{"ServerSideEmit", func(t *testing.T, w *witnessed) { _ = w.near.ServerSideEmit("e") },
			"ServerSideEmit", "", "", "ServerSideEmit"},
		{"ServerSideEmitWithAck", func(t *testing.T, w *witnessed) {
			_ = w.far.On("e", listen)
			done := make(chan error, 1)
			_ = w.near.ServerSideEmitWithAck("e")(func(_ []any, err error) { done <- err })
			if err := await.Value(t, done); err != nil {
				t.Error(err)
			}
		}, "ServerSideEmitWithAck", "", "", "ServerSideEmit"},

		{"Of.Namespace", func(t *testing.T, w *witnessed) { Of(w.near.Sockets()).Namespace() }, "Namespace", "", "", ""},
		{"Of.Servers", func(t *testing.T, w *witnessed) { Of(w.near.Sockets()).Servers() }, "Servers", "", "", ""},
		{"Of.Sockets", func(t *testing.T, w *witnessed) { _, _ = Of(w.near.Sockets()).Sockets(ctx, nil).Wait() },
			"Sockets", "Sockets", "", "Sockets"},
		{"Server.Close", func(t *testing.T, w *witnessed) { w.near.stop() }, "DelAll Close", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := witness(t)
			c.do(t, w)
			for _, side := range []struct {
				name  string
				notes *notes
				want  methods
			}{
				{"adapter", &w.adapter, c.adapter},
				{"host", &w.host, c.host},
				{"other server's adapter", &w.farAdapter, c.far},
				{"other server's host", &w.farHost, c.farHost},
			} {
				want := strings.Fields(side.want)
				await.Condition(t, side.name+" sees "+side.want, func() bool { return len(side.notes.read()) >= len(want) })
				if got := side.notes.read(); !slices.Equal(got, want) {
					t.Errorf("%s saw %q, want %q", side.name, got, want)
				}
			}
		})
	}
}

// TestWitnessesHaveEveryMethod: a method that is new in an interface has to be
// thought of here.
func TestWitnessesHaveEveryMethod(t *testing.T) {
	n := &notes{}
	for _, c := range []struct {
		witness any
		inner   reflect.Type
	}{
		{adapterWitness{nil, n}, reflect.TypeFor[core.Adapter]()},
		{hostWitness{nil, n}, reflect.TypeFor[core.Host]()},
	} {
		for method := range c.inner.Methods() {
			n.clear()
			call := reflect.ValueOf(c.witness).MethodByName(method.Name)
			args := make([]reflect.Value, call.Type().NumIn())
			for i := range args {
				args[i] = reflect.Zero(call.Type().In(i))
			}
			func() {
				defer func() { _ = recover() }() // there is nothing inside
				call.Call(args)
			}()
			if got := n.read(); !slices.Equal(got, []string{method.Name}) {
				t.Errorf("%T.%s notes %q", c.witness, method.Name, got)
			}
		}
	}
}

// changed overrides Broadcast, as an application would.
type changed struct{ core.Adapter }

func (c changed) Broadcast(_ core.Payload, to core.Target) {
	c.Adapter.Broadcast(core.Payload{Text: []byte(`["changed"]`)}, to)
}

func TestWrapperChangesWhatIsDone(t *testing.T) {
	s := serve(t, lonely{}, WrapAdapter(func(a core.Adapter) core.Adapter { return changed{a} }))
	c, _ := s.client("/")
	s.Emit("e", 1)
	c.expect(text(`2["changed"]`))
	if _, ok := Of(s.Sockets()).(changed); !ok {
		t.Errorf("Of gives %T", Of(s.Sockets()))
	}
}

func TestLastWrapperIsTheOutermost(t *testing.T) {
	var order []string
	adapter := func(name string) Option {
		return WrapAdapter(func(a core.Adapter) core.Adapter { order = append(order, name); return a })
	}
	host := func(name string) Option {
		return WrapHost(func(nsp string, h core.Host) core.Host { order = append(order, name+nsp); return h })
	}
	newNamespace(t, lonely{}, adapter("inner"), host("host inner"), adapter("outer"), host("host outer"))
	if want := []string{"host inner/", "host outer/", "inner", "outer"}; !slices.Equal(order, want) {
		t.Errorf("wrapped in the order %q, want %q", order, want)
	}
}

// TestBrokenWrapper: such a namespace serves its own clients, and nothing leaves it.
func TestBrokenWrapper(t *testing.T) {
	for name, option := range map[string]Option{
		"adapter returned nil":         WrapAdapter(func(core.Adapter) core.Adapter { return nil }),
		"adapter returned nil pointer": WrapAdapter(func(core.Adapter) core.Adapter { return (*adapterWitness)(nil) }),
		"adapter panicked":             WrapAdapter(func(core.Adapter) core.Adapter { panic("no such shop") }),
		"host returned nil":            WrapHost(func(string, core.Host) core.Host { return nil }),
		"host panicked":                WrapHost(func(string, core.Host) core.Host { panic("no such shop") }),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFabric()
			var log coretest.Log
			other := serve(t, f.node("other"))
			s := serve(t, f.node("broken"), option, WithLogger(log.Logger()))
			c, sock := s.client("/", "r")
			sock.Join("more")
			_ = s.To("more").Emit("e")
			c.expect(text(`2["e"]`))
			if n := Of(other.Sockets()).ServerCount(); n != 1 {
				t.Errorf("the others count %d servers", n)
			}
			side, what, _ := strings.Cut(name, " ")
			what, _, _ = strings.Cut(what, " pointer")
			if got := log.String(); !strings.Contains(got, "wrapper of the "+side+": it "+what) || !strings.Contains(got, "level=ERROR") {
				t.Errorf("log: %s", got)
			}
		})
	}
}

// callless is an override that forgot to return its calls.
type callless struct{ core.Adapter }

func (callless) FetchSockets(context.Context, core.Target) *core.Call[[]core.Socket] { return nil }
func (callless) SocketRooms(context.Context, string) *core.Call[[]string]            { return nil }
func (callless) ServerSideEmitWithAck(context.Context, core.Payload) *core.Call[[]core.Payload] {
	return nil
}
func (callless) BroadcastWithAck(context.Context, core.Payload, core.Target, func(core.Payload)) *core.Call[int] {
	return nil
}

func TestWrapperReturnsNoCall(t *testing.T) {
	s := serve(t, lonely{}, WrapAdapter(func(a core.Adapter) core.Adapter { return callless{a} }))
	_, sock := s.client("/")
	outcome := make(chan error, 1)
	s.FetchSockets()(func(_ []*socket.RemoteSocket, err error) { outcome <- err })
	if err := await.Value(t, outcome); !errors.Is(err, errNoCall) {
		t.Errorf("FetchSockets: %v", err)
	}
	_ = s.ServerSideEmitWithAck("e")(func(_ []any, err error) { outcome <- err })
	if err := await.Value(t, outcome); !errors.Is(err, errNoCall) {
		t.Errorf("ServerSideEmitWithAck: %v", err)
	}
	if got := await.Value(t, ask(s.Timeout(time.Millisecond))); got.err == nil {
		t.Error("EmitWithAck has no error")
	}
	if rooms := sock.Rooms(); rooms.Len() != 0 {
		t.Errorf("rooms %v", rooms.Keys())
	}
}
