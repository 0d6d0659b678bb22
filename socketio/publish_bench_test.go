package socketio

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	meshcluster "github.com/socketmesh/mesh/internal/cluster"
)

// BenchmarkPublish emits events of 100 bytes to a room with one client here, whom
// it is written to, and a mesh that takes no time. An operation is an event.
func BenchmarkPublish(b *testing.B) {
	s := serve(b, swallowing{}, WithClientOptions(ClientOptions{QueueBytes: 1 << 30}))
	r, err := dialRaw(strings.TrimPrefix(s.http.URL, "http://"), nil, "40")
	if err != nil {
		b.Fatal(err)
	}
	if err := r.await("40"); err != nil {
		b.Fatal(err)
	}
	eventually(b, "connected", func() bool { return s.Sockets().Sockets().Len() == 1 })
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

// swallowing opens adapters of clusters that swallow messages.
type swallowing struct{}

func (swallowing) Adapter(namespace string, host core.Host) (core.Adapter, error) {
	a, _ := meshcluster.New(void{namespace: namespace}, host, core.AdapterConfig{})
	return a, nil
}

// void is a cluster without members.
type void struct {
	core.Cluster
	namespace string
}

func (void) ID() string                     { return "self" }
func (v void) Namespace() string            { return v.namespace }
func (void) Members() []string              { return nil }
func (void) Publish(*core.Message) []string { return nil }
func (void) RequestBegun(core.RequestInfo)  {}
func (void) RequestDone(core.RequestInfo)   {}
func (void) Leave()                         {}
