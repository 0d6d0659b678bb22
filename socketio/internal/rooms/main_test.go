package rooms

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connectedSocket is a socket that a client has connected, of a server that ends with
// the test. The library has no other way to make one.
func connectedSocket(t testing.TB) *socket.Socket {
	t.Helper()
	io := socket.NewServer(nil, socket.DefaultServerOptions())
	listening, connected := make(chan struct{}, 1), make(chan *socket.Socket, 1)
	server := httptest.NewServer(io.ServeHandler(nil))
	_ = io.Engine().On("connection", func(...any) { listening <- struct{}{} })
	_ = io.On("connection", func(args ...any) { connected <- args[0].(*socket.Socket) })
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/socket.io/?transport=websocket&EIO=4", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		io.Close(nil)
		server.CloseClientConnections()
		server.Close()
	})
	within(t, listening) // a CONNECT that comes before is lost
	if err := conn.WriteMessage(websocket.TextMessage, []byte("40")); err != nil {
		t.Fatal(err)
	}
	return within(t, connected)
}

// within returns the next value of ch.
func within[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(5 * time.Second):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

// crowd is rooms with one socket that has a client, and n that have none.
func crowd(t testing.TB, n int) (*Rooms, []socket.SocketId) {
	t.Helper()
	connected := connectedSocket(t)
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
