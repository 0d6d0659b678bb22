package socketio

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// BenchmarkPublish emits events of 100 bytes to a room with one client here, whom
// it is written to, and a mesh that takes no time. An operation is an event.
func BenchmarkPublish(b *testing.B) {
	s := serve(b, lonely{}, WithClientOptions(ClientOptions{QueueBytes: 1 << 30}))
	r, err := dialRaw(strings.TrimPrefix(s.http.URL, "http://"), nil, "40")
	if err != nil {
		b.Fatal(err)
	}
	if err := r.await("40"); err != nil {
		b.Fatal(err)
	}
	await.Condition(b, "connected", func() bool { return s.Sockets().Sockets().Len() == 1 })
	s.Sockets().Sockets().Range(func(_ socket.SocketId, sock *socket.Socket) bool { sock.Join("room"); return true })
	_ = r.conn.SetDeadline(time.Time{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, r.conn)
	}()
	payload := strings.Repeat("x", 100)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.To("room").Emit("msg", payload)
	}
	b.StopTimer()
	_ = r.conn.Close()
	<-read
}
