package socketio

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// newNamespace returns a namespace without connections whose adapter is ours, or
// the library's if node is nil.
func newNamespace(t *testing.T, node Opener, opts ...Option) socket.Namespace {
	t.Helper()
	options := socket.DefaultServerOptions()
	if node != nil {
		options.SetAdapter(New(node, opts...))
	}
	io := socket.NewServer(nil, options)
	t.Cleanup(func() { io.Close(nil) })
	return io.Sockets()
}

// place puts a socket into the namespace, as if it were connected.
func place(nsp socket.Namespace, id socket.SocketId) {
	nsp.Sockets().Store(id, socket.MakeSocket())
}

func set(rooms ...socket.Room) *types.Set[socket.Room] { return types.NewSet(rooms...) }

// lostJoins has one socket join a room while the last one leaves it, and counts
// how often the join is lost.
func lostJoins(nsp socket.Namespace, rounds int) (lost int) {
	a := nsp.Adapter()
	place(nsp, "joiner")
	place(nsp, "leaver")
	for i := range rounds {
		room := socket.Room(fmt.Sprint(i))
		a.AddAll("leaver", set(room))
		var wg sync.WaitGroup
		wg.Go(func() { a.AddAll("joiner", set(room)) })
		wg.Go(func() { a.Del("leaver", room) })
		wg.Wait()
		if ids, ok := a.Rooms().Load(room); !ok || !ids.Has("joiner") || ids.Len() != 1 {
			lost++
		}
		a.Del("joiner", room)
	}
	return lost
}

// TestJoinRacingTheLastLeave: the library's own adapter loses some of these. To see
// it, give newNamespace no node and more rounds.
func TestJoinRacingTheLastLeave(t *testing.T) {
	nsp := newNamespace(t, lonely{})
	if lost := lostJoins(nsp, 5_000); lost != 0 {
		t.Errorf("%d joins lost", lost)
	}
	if n := nsp.Adapter().Rooms().Len(); n != 0 {
		t.Errorf("%d rooms left over", n)
	}
}

// TestRoomsStayConsistent mixes everything from many goroutines, and compares both
// maps in the end, and the events with them.
func TestRoomsStayConsistent(t *testing.T) {
	nsp := newNamespace(t, lonely{})
	a := nsp.Adapter()
	var mu sync.Mutex
	balance := map[types.EventName]int{}
	for _, event := range []types.EventName{"create-room", "delete-room", "join-room", "leave-room"} {
		_ = a.On(event, func(...any) {
			mu.Lock()
			defer mu.Unlock()
			balance[event]++
		})
	}
	var wg sync.WaitGroup
	for g := range 8 {
		id := socket.SocketId(fmt.Sprint("s", g))
		place(nsp, id)
		wg.Go(func() {
			for i := range 2_000 {
				room := socket.Room(fmt.Sprint("r", i%5))
				switch i % 7 {
				case 0, 1, 2, 3:
					a.AddAll(id, set(room, "all"))
				case 4, 5:
					a.Del(id, room)
				default:
					a.DelAll(id)
				}
			}
		})
	}
	wg.Wait()
	members := 0
	a.Rooms().Range(func(room socket.Room, ids *types.Set[socket.SocketId]) bool {
		if ids.Len() == 0 {
			t.Errorf("room %s is empty", room)
		}
		for _, id := range ids.Keys() {
			members++
			if rooms, ok := a.Sids().Load(id); !ok || !rooms.Has(room) {
				t.Errorf("%s is in room %s in one map only", id, room)
			}
		}
		return true
	})
	joined := 0
	a.Sids().Range(func(_ socket.SocketId, rooms *types.Set[socket.Room]) bool {
		joined += rooms.Len()
		return true
	})
	if joined != members {
		t.Errorf("%d memberships in one map, %d in the other", joined, members)
	}
	if got := balance["join-room"] - balance["leave-room"]; got != members {
		t.Errorf("joins less leaves are %d, members %d", got, members)
	}
	if got := balance["create-room"] - balance["delete-room"]; got != a.Rooms().Len() {
		t.Errorf("creations less deletions are %d, rooms %d", got, a.Rooms().Len())
	}
}

func TestRoomEvents(t *testing.T) {
	nsp := newNamespace(t, lonely{})
	a := nsp.Adapter()
	place(nsp, "a")
	place(nsp, "b")
	var log []string
	for _, event := range []types.EventName{"create-room", "delete-room", "join-room", "leave-room"} {
		_ = a.On(event, func(args ...any) {
			entry := string(event)
			for _, arg := range args {
				entry += fmt.Sprintf(" %v", arg)
			}
			log = append(log, entry)
		})
	}
	_ = a.On("join-room", func(args ...any) { // listeners may call the adapter
		if args[0] == socket.Room("again") {
			a.Del("a", "again")
		}
	})
	steps := []struct {
		do   func()
		want []string
	}{
		{func() { a.AddAll("a", set("r")) }, []string{"create-room r", "join-room r a"}},
		{func() { a.AddAll("a", set("r")) }, nil},
		{func() { a.AddAll("b", set("r")) }, []string{"join-room r b"}},
		{func() { a.Del("b", "x") }, nil},
		{func() { a.Del("b", "r") }, []string{"leave-room r b"}},
		{func() { a.Del("b", "r") }, nil},
		{func() { a.DelAll("a") }, []string{"leave-room r a", "delete-room r"}},
		{func() { a.DelAll("a") }, nil},
		{func() { a.AddAll("a", set("again")) }, []string{"create-room again", "join-room again a", "leave-room again a", "delete-room again"}},
	}
	for i, step := range steps {
		log = nil
		step.do()
		if !slices.Equal(log, step.want) {
			t.Errorf("step %d: %q, want %q", i, log, step.want)
		}
	}
}

// opener is an Opener that is a function.
type opener func(namespace string, host core.Host) (core.Adapter, error)

func (o opener) Adapter(namespace string, host core.Host) (core.Adapter, error) {
	return o(namespace, host)
}

func (opener) Standalone(namespace string, host core.Host) core.Adapter {
	return lonely{}.Standalone(namespace, host)
}

// always opens namespaces with an adapter that is there already.
func always(a core.Adapter) opener {
	return func(string, core.Host) (core.Adapter, error) { return a, nil }
}

// elsewhere is a mesh of two that notes what it is asked about single sockets.
type elsewhere struct {
	core.Adapter
	asked []string
	rooms []string
	err   error
}

func (e *elsewhere) AddAll(sid string, rooms []string) {
	e.asked = append(e.asked, fmt.Sprint("add ", sid, rooms))
}
func (e *elsewhere) Del(sid, room string) { e.asked = append(e.asked, fmt.Sprint("del ", sid, room)) }
func (e *elsewhere) DelAll(sid string)    { e.asked = append(e.asked, "delall "+sid) }
func (e *elsewhere) ServerCount() int     { return 2 }
func (e *elsewhere) Close()               {}
func (e *elsewhere) SocketRooms(_ context.Context, sid string) *core.Call[[]string] {
	e.asked = append(e.asked, "rooms "+sid)
	return core.CallOf(e.rooms, e.err)
}

func (e *elsewhere) expect(t *testing.T, asked ...string) {
	t.Helper()
	if !slices.Equal(e.asked, asked) {
		t.Errorf("the mesh was asked %q, want %q", e.asked, asked)
	}
	e.asked = nil
}

func TestSocketsOfOtherServers(t *testing.T) {
	mesh := &elsewhere{rooms: []string{"there"}}
	nsp := newNamespace(t, always(mesh))
	a := nsp.Adapter()
	place(nsp, "here")

	a.AddAll("here", set("r"))
	a.Del("here", "r")
	if rooms := a.SocketRooms("here"); rooms == nil || rooms.Len() != 0 {
		t.Errorf("rooms of a local socket: %v", rooms)
	}
	a.DelAll("here")
	mesh.expect(t)

	a.AddAll("there", set("r"))
	a.Del("there", "r")
	a.DelAll("there")
	if rooms := a.SocketRooms("there"); !rooms.Has("there") {
		t.Errorf("rooms of a remote socket: %v", rooms)
	}
	mesh.expect(t, "add there[r]", "del therer", "delall there", "rooms there")

	mesh.rooms, mesh.err = nil, core.ErrClosed
	if rooms := a.SocketRooms("nowhere"); rooms != nil {
		t.Errorf("rooms of nobody: %v", rooms)
	}
	if n := a.Rooms().Len() + a.Sids().Len(); n != 0 {
		t.Errorf("%d entries left over", n)
	}
}

// TestDepartedSockets: what is asked about a socket that has just left does not
// concern the mesh.
func TestDepartedSockets(t *testing.T) {
	mesh := &elsewhere{}
	nsp := newNamespace(t, always(mesh))
	a := nsp.Adapter()
	place(nsp, "s")
	a.AddAll("s", set("s", "r"))
	a.DelAll("s")
	nsp.Sockets().Delete("s")

	a.Del("s", "r")
	a.DelAll("s")
	a.AddAll("s", set("late"))
	if rooms := a.SocketRooms("s"); rooms != nil {
		t.Errorf("rooms: %v", rooms)
	}
	mesh.expect(t)
	if n := a.Rooms().Len() + a.Sids().Len(); n != 0 {
		t.Errorf("%d entries left over", n)
	}
}
