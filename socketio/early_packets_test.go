package socketio

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// TestEarlyPackets: what a client that polls sends while the library connects its socket
// is handled when that is done, in order. It may do so right after the answer to its
// CONNECT, which leaves before the library has noted the socket.
func TestEarlyPackets(t *testing.T) {
	s := serve(t, lonely{})
	heard := make(chan string, 10)
	_ = s.On("connection", func(args ...any) {
		sock := args[0].(*socket.Socket)
		_ = sock.On("early", func(args ...any) { heard <- fmt.Sprint(args[0]) })
		_ = sock.On("disconnect", func(args ...any) { heard <- fmt.Sprint(args[0]) })
	})
	connecting, goOn := make(chan struct{}, 1), make(chan struct{})
	resume := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(resume) // before the server stops
	_ = s.Sockets().Adapter().Once("join-room", func(...any) {
		connecting <- struct{}{}
		<-goOn
	})

	p := &party{t: t, server: s, eio: 4, url: s.http.URL + "/socket.io/?EIO=4"}
	_, rest, _ := strings.Cut(p.poll(), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.url += "&sid=" + sid
	p.send("40")
	await.Value(t, connecting)
	p.send(`42["early",1]`, `42["early",2]`, "41") // it is answered when they have been taken
	resume()
	for _, want := range []string{"1", "2", "client namespace disconnect"} {
		if got := await.Value(t, heard); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}
