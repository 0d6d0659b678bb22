package cluster_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// trio is three servers, a, b and c, with two sockets each: a1, a2, b1, … Those
// with a 1 are in room "odd", and all are in a room of their server's name.
type trio struct {
	*coretest.Fabric
	t       *testing.T
	a, b, c *coretest.Server
}

const requestTimeout = 5 * time.Second

func newTrio(t *testing.T) *trio {
	f := coretest.NewFabric()
	t.Cleanup(f.Close)
	cfg := core.AdapterConfig{RequestTimeout: requestTimeout}
	w := &trio{f, t, f.Join("a", cfg), f.Join("b", cfg), f.Join("c", cfg)}
	for _, s := range w.servers() {
		s.Host.Connect(s.ID()+"1", "odd", "server-"+s.ID())
		s.Host.Connect(s.ID()+"2", "server-"+s.ID())
	}
	return w
}

func (w *trio) servers() []*coretest.Server { return []*coretest.Server{w.a, w.b, w.c} }

// inTrio runs a test on three servers in virtual time.
func inTrio(t *testing.T, f func(t *testing.T, w *trio)) {
	t.Helper()
	bubble(t, func(t *testing.T) { f(t, newTrio(t)) })
}

// sockets lists the ids of the sockets that still are there and for which keep
// holds, on all servers.
func (w *trio) sockets(keep func(core.Socket) bool) string {
	var ids []string
	for _, s := range w.servers() {
		for _, socket := range s.Host.Sockets(core.Target{}, true) {
			if keep(socket) {
				ids = append(ids, socket.ID)
			}
		}
	}
	return strings.Join(ids, " ")
}

func (w *trio) in(room string) string {
	return w.sockets(func(s core.Socket) bool { return slices.Contains(s.Rooms, room) })
}

// traffic counts the messages between servers from now on.
func (w *trio) traffic() func() int {
	var mu sync.Mutex
	n := 0
	w.Filter(func(string, string, *core.Message) bool {
		mu.Lock()
		defer mu.Unlock()
		n++
		return true
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func rooms(names ...string) core.Target { return core.Target{Rooms: names} }

func local(to core.Target) core.Target {
	to.Flags.Local = true
	return to
}

// targets are ways to choose sockets, and which sockets each chooses when a asks.
var targets = []struct {
	name string
	to   core.Target
	want string
}{
	{"all", core.Target{}, "a1 a2 b1 b2 c1 c2"},
	{"a room", rooms("odd"), "a1 b1 c1"},
	{"two rooms", rooms("odd", "server-b"), "a1 b1 b2 c1"},
	{"one socket elsewhere", rooms("b2"), "b2"},
	{"nobody", rooms("empty"), ""},
	{"all but", core.Target{Except: []string{"odd", "c2"}}, "a2 b2"},
	{"a room but", core.Target{Rooms: []string{"odd"}, Except: []string{"server-b"}}, "a1 c1"},
	{"local", local(core.Target{}), "a1 a2"},
	{"local room", local(rooms("odd")), "a1"},
}

func TestAdapterBroadcast(t *testing.T) {
	for _, tt := range targets {
		t.Run(tt.name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				traffic := w.traffic()
				w.a.Broadcast(coretest.Event("ev", 1, []byte{7}), tt.to)
				synctest.Wait()
				got := w.sockets(func(s core.Socket) bool { return len(w.client(s.ID).Received()) == 1 })
				expect(t, "who heard", got, tt.want)
				for _, id := range strings.Fields(got) {
					event := w.client(id).Events()[0]
					if string(event.Text) != string(coretest.Event("ev", 1, []byte{7}).Text) || len(event.Attachments) != 1 {
						t.Errorf("%s heard %s", id, event.Text)
					}
				}
				if tt.to.Flags.Local {
					expect(t, "messages", traffic(), 0)
				} else {
					expect(t, "messages", traffic(), 2)
				}
			})
		})
	}
}

func (w *trio) client(id string) *coretest.Client {
	w.t.Helper()
	for _, s := range w.servers() {
		if s.ID() == id[:1] {
			return s.Host.Client(id)
		}
	}
	return nil
}

func TestAdapterPassesFlagsOn(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		flags := core.Flags{Volatile: true, Compress: core.CompressOff, Timeout: time.Second, ExpectSingleResponse: true}
		w.a.Broadcast(coretest.Event("ev"), core.Target{Flags: flags})
		synctest.Wait()
		expect(t, "flags here", w.a.Host.Calls()[0].To.Flags, flags)
		expect(t, "flags there", w.b.Host.Calls()[0].To.Flags, flags)
	})
}

// Local clients get an event before it is published, also if publishing fails.
func TestAdapterBroadcastsHereFirst(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.Filter(func(_, _ string, m *core.Message) bool {
			if m.Kind == core.KindBroadcast {
				expect(t, "local broadcasts before publishing", w.a.Host.Count("Broadcast")+w.a.Host.Count("BroadcastWithAck"), 1)
				panic("the mesh is on fire")
			}
			return true
		})
		func() {
			defer func() { recover() }()
			w.a.Broadcast(coretest.Event("ev"), core.Target{})
		}()
		expectList(t, "a1 heard", w.client("a1").Received(), `["ev"]`)
	})
}

func TestAdapterMovesSockets(t *testing.T) {
	for _, tt := range targets {
		t.Run(tt.name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				w.a.AddSockets(tt.to, []string{"x", "y"})
				synctest.Wait()
				expect(t, "in x", w.in("x"), tt.want)
				expect(t, "in y", w.in("y"), tt.want)
				w.a.DelSockets(tt.to, []string{"x"})
				synctest.Wait()
				expect(t, "in x after leaving", w.in("x"), "")
				expect(t, "in y after leaving x", w.in("y"), tt.want)
				w.a.DisconnectSockets(tt.to, true)
				synctest.Wait()
				expect(t, "in y after disconnecting", w.in("y"), "")
				left := 6 - len(strings.Fields(tt.want))
				expect(t, "sockets left", len(strings.Fields(w.sockets(func(core.Socket) bool { return true }))), left)
			})
		})
	}
}

func TestAdapterDisconnectSaysWhetherToClose(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		keeps, closes := w.client("b1"), w.client("c1")
		w.a.DisconnectSockets(rooms("b1"), false)
		w.a.DisconnectSockets(rooms("c1"), true)
		synctest.Wait()
		expect(t, "b1 connected", keeps.Connected(), false)
		expect(t, "b1 closed", keeps.Closed(), false)
		expect(t, "c1 connected", closes.Connected(), false)
		expect(t, "c1 closed", closes.Closed(), true)
	})
}

// A list of no rooms changes nothing. It must not reach the host, for which it would
// mean every room.
func TestAdapterWithoutRooms(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		traffic := w.traffic()
		for _, none := range [][]string{nil, {}} {
			w.a.AddSockets(core.Target{}, none)
			w.a.DelSockets(core.Target{}, none)
			w.a.AddAll("a1", none)
			w.a.AddAll("b1", none)
		}
		expect(t, "messages", traffic(), 0)
		w.c.Say("b", &core.Message{Kind: core.KindSocketsLeave})
		w.c.Say("b", &core.Message{Kind: core.KindSocketsLeave, Rooms: []string{}})
		synctest.Wait()
		expect(t, "still in their rooms", w.in("odd"), "a1 b1 c1")
		expect(t, "a was asked to leave", w.a.Host.Count("Leave"), 0)
	})
}

func TestAdapterMovesOneSocket(t *testing.T) {
	for _, id := range []string{"a1", "b1"} {
		t.Run(id, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				traffic := w.traffic()
				client := w.client(id)
				w.a.AddAll(id, []string{"x", "y"})
				w.a.Del(id, "odd")
				synctest.Wait()
				expectList(t, "rooms", client.Rooms(), id, "server-"+id[:1], "x", "y")
				w.a.DelAll(id)
				synctest.Wait()
				expectList(t, "rooms after DelAll", client.Rooms())
				expect(t, "the others", w.in("odd"), strings.TrimSpace(strings.ReplaceAll("a1 b1 c1 ", id+" ", "")))
				if id == "a1" {
					expect(t, "messages for a socket of this server", traffic(), 0)
				}
			})
		})
	}
}

// The reference has no message for DelAll, so a reference server is asked for the
// socket's rooms, and then told to leave these.
func TestAdapterDelAllAtReferenceServer(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		d := w.JoinReference("d", core.AdapterConfig{})
		there := d.Host.Connect("d1", "x", "y")
		named := d.Host.Connect("d0", "d1", "z") // in a room that is called like the socket
		w.a.DelAll("d1")
		synctest.Wait()
		expectList(t, "d1's rooms", there.Rooms())
		expect(t, "d was asked", d.Host.Count("Sockets"), 1)
		expect(t, "b was asked", w.b.Host.Count("Sockets"), 0)
		if !slices.Contains(named.Rooms(), "d0") || !slices.Contains(named.Rooms(), "z") {
			t.Errorf("d0 is in %q", named.Rooms())
		}
		w.a.DelAll("b1")
		synctest.Wait()
		expectList(t, "b1's rooms", w.client("b1").Rooms())
		expect(t, "d was told to leave", d.Host.Count("Leave"), 1)

		w.Kill("d")
		w.a.DelAll("d0")
	})
}

func TestAdapterFetchSockets(t *testing.T) {
	for _, tt := range targets {
		t.Run(tt.name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				sockets, err := w.a.FetchSockets(t.Context(), tt.to).Wait()
				if err != nil {
					t.Fatal(err)
				}
				var ids []string
				for _, s := range sockets {
					ids = append(ids, s.ID)
					if s.Handshake.IsZero() || s.Data.IsZero() || !slices.Contains(s.Rooms, s.ID) {
						t.Errorf("incomplete: %+v", s)
					}
				}
				slices.Sort(ids)
				expect(t, "sockets", strings.Join(ids, " "), tt.want)
			})
		})
	}
}

func TestAdapterFetchOthers(t *testing.T) {
	for _, tt := range targets {
		t.Run(tt.name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, w *trio) {
				lists, err := w.a.Adapter.(interface {
					FetchOthers(context.Context, core.Target) *core.Call[[][]core.Socket]
				}).FetchOthers(t.Context(), tt.to).Wait()
				if err != nil {
					t.Fatal(err)
				}
				var ids, want []string
				for _, s := range slices.Concat(lists...) {
					ids = append(ids, s.ID)
				}
				for _, id := range strings.Fields(tt.want) {
					if id[0] != 'a' {
						want = append(want, id)
					}
				}
				slices.Sort(ids)
				expectList(t, "sockets", ids, want...)
				expect(t, "the own server was asked", w.a.Host.Count("Sockets"), 0)
			})
		})
	}
}

func TestAdapterSockets(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		for room, want := range map[string]string{"": "a1 a2 b1 b2 c1 c2", "odd": "a1 b1 c1", "c2": "c2", "empty": ""} {
			var in []string
			if room != "" {
				in = []string{room}
			}
			ids, err := w.b.Sockets(t.Context(), in).Wait()
			slices.Sort(ids)
			if got := strings.Join(ids, " "); err != nil || got != want {
				t.Errorf("room %q: %q, %v; want %q", room, got, err, want)
			}
		}
		for _, call := range w.a.Host.Calls() {
			expect(t, "brief", call.Brief, true)
		}
	})
}

func TestAdapterSocketRooms(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.b.Host.Connect("b0", "b1", "decoy") // in a room that is called like a socket
		for sid, want := range map[string][]string{
			"a2": {"a2", "server-a"},
			"b1": {"b1", "odd", "server-b"},
			"c2": {"c2", "server-c"},
			"x1": nil,
		} {
			got, err := w.a.SocketRooms(t.Context(), sid).Wait()
			if err != nil || !slices.Equal(got, want) || (got == nil) != (want == nil) {
				t.Errorf("%s: %q, %v; want %q", sid, got, err, want)
			}
		}
		synctest.Wait() // for answers that came too late
		traffic := w.traffic()
		w.a.SocketRooms(t.Context(), "a1").Wait()
		expect(t, "messages for a socket of this server", traffic(), 0)
	})
}

// SocketRooms ends with the answer of the server that has the socket; the others are
// not waited for.
func TestAdapterSocketRoomsEndsAtTheFirst(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.Hold("c", "a")
		began := time.Now()
		got, err := w.a.SocketRooms(t.Context(), "b2").Wait()
		expect(t, "error", err, nil)
		expectList(t, "rooms", got, "b2", "server-b")
		expect(t, "it took", time.Since(began), 0)
		w.Release("c", "a")
	})
}

func TestAdapterServerSideEmit(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		asked := make(chan bool, 2)
		for _, s := range w.servers() {
			s.Host.Listen(func(_ core.Payload, reply func(core.Payload)) { asked <- reply != nil })
		}
		w.a.ServerSideEmit(coretest.Event("hey", "you"))
		synctest.Wait()
		expect(t, "b may reply", <-asked, false)
		expect(t, "c may reply", <-asked, false)
		expectList(t, "a", w.a.Host.ServerEvents())
		expectList(t, "b", w.b.Host.ServerEvents(), `["hey","you"]`)
		expectList(t, "c", w.c.Host.ServerEvents(), `["hey","you"]`)
	})
}

func TestAdapterServerSideEmitWithAck(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		for _, s := range w.servers() {
			s.Host.Listen(func(_ core.Payload, reply func(core.Payload)) {
				time.AfterFunc(time.Second, func() {
					reply(coretest.Value(s.ID()))
					reply(coretest.Value("once more"))
				})
			})
		}
		answers, err := w.a.ServerSideEmitWithAck(t.Context(), coretest.Event("who")).Wait()
		got := coretest.Texts(answers)
		slices.Sort(got)
		expect(t, "error", err, nil)
		expectList(t, "answers", got, `"b"`, `"c"`)
	})
}

func TestAdapterServers(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		expect(t, "namespace", w.b.Namespace(), "/")
		expectList(t, "b's view", w.b.Servers(), "b", "a", "c")
		expect(t, "count", w.b.ServerCount(), 3)
		w.Kill("a")
		w.c.Close()
		synctest.Wait()
		expectList(t, "b's view later", w.b.Servers(), "b")
		expect(t, "count later", w.b.ServerCount(), 1)
	})
}

func TestAdapterAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := coretest.NewFabric()
		t.Cleanup(f.Close)
		a := f.Join("a", core.AdapterConfig{})
		a.Host.Connect("a1").AnswerWith(coretest.Value("hi"))
		began := time.Now()
		sockets, err := a.FetchSockets(t.Context(), core.Target{}).Wait()
		if len(sockets) != 1 || err != nil {
			t.Errorf("fetch: %v, %v", sockets, err)
		}
		if answers, err := a.ServerSideEmitWithAck(t.Context(), coretest.Event("x")).Wait(); len(answers) != 0 || err != nil {
			t.Errorf("server-side: %v, %v", answers, err)
		}
		if rooms, err := a.SocketRooms(t.Context(), "b1").Wait(); rooms != nil || err != nil {
			t.Errorf("rooms: %v, %v", rooms, err)
		}
		if n, err := a.BroadcastWithAck(t.Context(), coretest.Event("x"), core.Target{}, func(core.Payload) {}).Wait(); n != 1 || err != nil {
			t.Errorf("broadcast: %v, %v", n, err)
		}
		expect(t, "it took", time.Since(began), 0)
		expect(t, "requests reported", len(a.Requests()), 4)
	})
}

// Operations of different kinds arrive in the order in which one goroutine called them.
func TestAdapterKeepsOrder(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		var want []string
		var last *core.Call[[]core.Socket]
		for range 50 {
			w.a.AddSockets(core.Target{}, []string{"x"})
			w.a.Broadcast(coretest.Event("ev"), core.Target{})
			last = w.a.FetchSockets(context.Background(), rooms("x"))
			w.a.DelSockets(core.Target{}, []string{"x"})
			w.a.ServerSideEmit(coretest.Event("ev"))
			want = append(want, "Join", "Broadcast", "Sockets", "Leave", "ServerSideEmit")
		}
		sockets, err := last.Wait()
		expect(t, "error", err, nil)
		expect(t, "found by the last", len(sockets), 6)
		synctest.Wait()
		var got []string
		for _, call := range w.c.Host.Calls() {
			got = append(got, call.Method)
		}
		expectList(t, "calls", got, want...)
	})
}
