package fetch

import (
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siotest"
)

// many is how many sockets an operation of the benchmark makes.
const many = 1000

// BenchmarkDetails makes sockets of descriptions that have come from another server:
// for the first time, again, and again where data makes each its caller's own.
func BenchmarkDetails(b *testing.B) {
	a := newSockets()
	described := func(data string) []core.Socket {
		sockets := make([]core.Socket, many)
		for i := range sockets {
			id := fmt.Sprintf("%020d", i)
			handshake, err := encodeHandshake(siotest.Browser(i), "example.org")
			if err != nil {
				b.Fatal(err)
			}
			sockets[i] = core.Socket{ID: id, Rooms: []string{id, "room"}, Handshake: handshake, Data: core.Payload{Text: []byte(data)}}
		}
		return sockets
	}
	plain, withData := described("{}"), described(`{"name":"somebody"}`)
	b.Run("first", func(b *testing.B) {
		perSocket(b, func() { a.cache.Clear(); a.Details(nil, plain) })
	})
	b.Run("again", func(b *testing.B) { perSocket(b, func() { a.Details(nil, plain) }) })
	b.Run("data", func(b *testing.B) { perSocket(b, func() { a.Details(nil, withData) }) })
}

// perSocket measures operations on many sockets each.
func perSocket(b *testing.B, operation func()) {
	b.ReportAllocs()
	for b.Loop() {
		operation()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*many), "ns/socket")
}
