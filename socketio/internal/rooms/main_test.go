package rooms

import (
	"fmt"
	"slices"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/socketio/internal/siotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// crowd is rooms with one socket that has a client, and n that have none.
func crowd(t testing.TB, n int) (*Rooms, []socket.SocketId) {
	t.Helper()
	connected := siotest.Connect(t).Socket
	a := socket.MakeAdapter()
	a.Construct(connected.Nsp())
	r := New(a)
	r.Add(connected.Id(), []socket.Room{socket.Room(connected.Id())})
	var ids []socket.SocketId
	for i := range n {
		id := socket.SocketId(fmt.Sprint("s", i))
		r.sockets.Store(id, connected) // whose state it has
		r.writing.Lock()
		r.connect(id, connected)
		r.writing.Unlock()
		ids = append(ids, id)
	}
	return r, ids
}

// numbered is n rooms of their own names.
func numbered(prefix string, n int) []socket.Room {
	names := make([]socket.Room, n)
	for i := range names {
		names[i] = socket.Room(fmt.Sprint(prefix, i))
	}
	return names
}

func namesOf(rooms []socket.Room) []string {
	names := make([]string, len(rooms))
	for i, room := range rooms {
		names[i] = string(room)
	}
	return names
}

// sameNames compares names in any order.
func sameNames(got, want []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
}
