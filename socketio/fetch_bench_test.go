package socketio

import (
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio/internal/siotest"
)

// perServer is how many sockets each server of the benchmarks has.
const perServer = 1000

// browsers connects clients to a server, and gives them the handshakes of browsers.
func browsers(b *testing.B, s *server) {
	b.Helper()
	hatch(b, strings.TrimPrefix(s.http.URL, "http://"), perServer)
	await.Condition(b, "all connected", func() bool { return s.Sockets().Sockets().Len() >= perServer })
	i := 0
	s.Sockets().Sockets().Range(func(_ socket.SocketId, sock *socket.Socket) bool {
		*sock.Handshake() = *siotest.Browser(i)
		i++
		return true
	})
}

// BenchmarkDescribe describes the sockets of one server for another. An operation
// is all of them.
func BenchmarkDescribe(b *testing.B) {
	s := serve(b, lonely{})
	browsers(b, s)
	h := hostOf(s.Sockets())
	perSocket(b, perServer, func() { h.Sockets(core.Target{}, false) })
}

// BenchmarkFetch asks three servers for all their sockets, within one process: as if
// for the first time, and again.
func BenchmarkFetch(b *testing.B) {
	servers := nodes(b, 3)
	for _, s := range servers {
		browsers(b, s)
	}
	c := servers[0].constructor.fetched
	done := make(chan int, 1) // the answer may be there at once
	fetch := func() {
		servers[0].FetchSockets()(func(found []*socket.RemoteSocket, err error) {
			if err != nil {
				b.Error(err)
			}
			done <- len(found)
		})
		if n := <-done; n != len(servers)*perServer {
			b.Fatalf("%d sockets", n)
		}
	}
	b.Run("first", func(b *testing.B) {
		perSocket(b, len(servers)*perServer, func() { c.Clear(); fetch() })
	})
	b.Run("again", func(b *testing.B) { perSocket(b, len(servers)*perServer, fetch) })
}

// perSocket measures operations on so many sockets each.
func perSocket(b *testing.B, sockets int, operation func()) {
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		operation()
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N*sockets), "cpu-ns/socket")
}
